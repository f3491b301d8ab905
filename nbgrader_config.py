"""nbgrader on this course: its folders below class/, no step that executes a notebook, scores from verdict files.

nbgrader reads this file when a command is started in this folder (`nbgrader autograde 01-first-push`), and so does
the formgrader that `python3 course.py formgrader` opens.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from nbconvert.exporters import HTMLExporter  # noqa: E402
from nbgrader.server_extensions.formgrader import handlers  # noqa: E402

from autograder import paths  # noqa: E402
from autograder.grading import people, released  # noqa: E402
from autograder.grading.feedback import TEMPLATES  # noqa: E402
from autograder.grading.formgrader_pages import doubts_note, note  # noqa: E402
from autograder.grading.nbgrader_steps import (  # noqa: E402
    FeedbackExporter,
    LatePenalty,
    Rebuild,
    Scores,
    VerdictGrades,
    safe_markdown,
)
from autograder.labs import release  # noqa: E402

paths.classroom().mkdir(parents=True, exist_ok=True)
c = get_config()  # type: ignore[name-defined]  # noqa: F821  # nbgrader defines it

c.CourseDirectory.root = str(paths.classroom())
c.CourseDirectory.course_id = people.load().id
c.CourseDirectory.db_url = released.database()
c.ClearSolutions.code_stub = {"python": release.CODE_STUB}
c.ClearSolutions.text_stub = release.TEXT_STUB
c.ClearMarkScheme.enforce_metadata = False

# Instead of ClearOutput ... OverwriteCells, and instead of Execute ... SaveAutoGrades.
c.Autograde.sanitize_preprocessors = [Rebuild]
c.Autograde.autograde_preprocessors = [VerdictGrades, LatePenalty]

c.GenerateFeedback.preprocessors = [Scores]
c.GenerateFeedback.exporter_class = FeedbackExporter

# The formgrader's own pages: rendered Markdown cannot act there, and nothing comes from a CDN. Its extension insists on
# its own extra_template_basedirs, so ours goes in front of the paths that follow from them.
c.HTMLExporter.filters = {"markdown2html": safe_markdown, "graders_note": note, "doubts_note": doubts_note}
stock = HTMLExporter(template_name="formgrade", extra_template_basedirs=[handlers.template_path])
c.HTMLExporter.template_paths = [str(TEMPLATES / "formgrade"), *stock.template_paths, handlers.template_path]
