{# nbgrader's instructions are about an exchange of files, which this course does without. #}
{%- extends 'nbgrader/manage_assignments.tpl' -%}
{%- block messages -%}
<p>
  The labs come from the course, and submissions by <code>python3 course.py grade</code>. To give points by hand, go to
  <a href="{{ base_url }}/formgrader/gradebook">Manual Grading</a>. To see a lab or what students got of it, click on its name
  or on Preview. Release and Collect are not used.
</p>
{%- endblock -%}
