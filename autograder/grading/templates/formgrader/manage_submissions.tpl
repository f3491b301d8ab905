{# nbgrader's instructions say to run its command in the class's folder, where this course's settings are not found. #}
{%- extends 'nbgrader/manage_submissions.tpl' -%}
{%- block messages -%}
<p>
  Autograding here takes over what <code>python3 course.py grade</code> found out, and runs no notebook. For the whole class:
  <code>python3 course.py regrade</code>, in a terminal in the course's folder.
</p>
{%- endblock -%}
