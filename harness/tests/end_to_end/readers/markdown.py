"""Renders Markdown with GitHub's own parser (cmark-gfm) and prints the tags of the result, in order, and its headings.

Extensions as on GitHub: tables, strikethrough, autolinks, task lists; raw HTML is let through, so that any would be seen.
"""

import html.parser
import json
import sys

import cmarkgfm
from cmarkgfm.cmark import Options


class Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.headings, self.inside = [], [], False

    def handle_starttag(self, tag, attributes):
        names = [name for name, _ in attributes if name not in ("align", "class", "lang")]
        self.tags.append(" ".join([tag, *names]))
        if tag in ("h1", "h2", "h3", "h4"):
            self.inside = True
            self.headings.append("")

    def handle_endtag(self, tag):
        self.tags.append("/" + tag)
        if tag in ("h1", "h2", "h3", "h4"):
            self.inside = False

    def handle_data(self, text):
        if self.inside:
            self.headings[-1] += text


reader = Tags()
reader.feed(cmarkgfm.github_flavored_markdown_to_html(sys.stdin.read(), options=Options.CMARK_OPT_UNSAFE))
json.dump({"tags": reader.tags, "headings": reader.headings}, sys.stdout)
