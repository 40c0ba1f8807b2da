"""One page about runs, for `goalrelay report` and `goalrelay watch`.

    run folders -> contents (what the page says) -> html (how it looks)

Every number comes from the files of the runs. A report is one file without scripts: its switch is
made of radio buttons and CSS.
"""

from goalrelay.report.page.build import Live as Live
from goalrelay.report.page.build import write as write
