"""The lessons as data: front matter, command blocks and their runner, quizzes, the pages generated from them."""
