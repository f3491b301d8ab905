<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{{ resources.notebook_id }}</title>
<link rel="stylesheet" href="{{ resources.base_url }}/formgrader/static/node_modules/bootstrap/dist/css/bootstrap.min.css" />
</head>
<body class="container">
<h1>{{ resources.notebook_id }}</h1>
<p>There is no autograded notebook of this submission: <code>{{ resources.filename | e }}</code></p>
<p>Run <code>python3 course.py regrade</code> in the course's folder, then load this page again.</p>
<p><a href="{{ resources.base_url }}/formgrader/gradebook">Manual Grading</a></p>
</body>
</html>
