"""Sphinx configuration; python -m sphinx -b html docs docs/_build/html builds the site."""

import html
import re
import textwrap
from importlib.util import find_spec
from pathlib import Path

import numpydoc.xref
import tomllib
from docutils import nodes
from sphinx import addnodes

import skreg_mlp

project = "skreg_mlp"
author = "The skreg_mlp developers"
copyright = author
release = skreg_mlp.__version__
version = release.partition("+")[0]  # without the commit that it was built from
PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
URLS = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["urls"]

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
default_role = "py:obj"  # what docstrings put in single backticks: a link where there is a target
highlight_language = "none"

# MathJax is served by the site itself, from a package that holds nothing else
MATHJAX = str(Path(find_spec("sphinx-mathjax-offline").origin).parent / "static")
mathjax_path = "mathjax/tex-chtml.js"

myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
myst_heading_anchors = 3
copybutton_exclude = ".linenos, .gp, .go"


# -- API reference -------------------------------------------------------------------------------
def own_methods(cls):
    """The public methods that this package defines; scikit-learn documents the others."""
    return [
        name
        for name in dir(cls)
        if not name.startswith("_")
        and str(getattr(getattr(cls, name, None), "__module__", "")).startswith("skreg_mlp")
    ]


PUBLIC = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in (skreg_mlp, skreg_mlp.penalties)
    for name in module.__all__
}
autosummary_context = {"own_methods": {name: own_methods(obj) for name, obj in PUBLIC.items()}}
numpydoc_show_class_members = False
autodoc_typehints = "none"  # the docstrings say more
toc_object_entries_show_parents = "hide"

# -- Links to other projects -----------------------------------------------------------------------
# The inventories list what docstrings and examples name, so that a build needs no network.
INVENTORIES = Path(__file__).parent / "inventories"
SITES = {
    "numpy": "https://numpy.org/doc/stable/",
    "scipy": "https://docs.scipy.org/doc/scipy/",
    "scikit-learn": "https://scikit-learn.org/stable/",
}
intersphinx_mapping = {name: (site, f"inventories/{name}.inv") for name, site in SITES.items()}


def short_names():
    """The full name of each object that a docstring names by the last part of it."""
    listed = "".join(path.read_text(encoding="utf-8") for path in INVENTORIES.glob("*.inv"))
    others = re.findall(r"^(\w\S+)", listed, flags=re.MULTILINE)
    return {full.rpartition(".")[2]: full for full in [*others, *PUBLIC]}


SHORT_NAMES = short_names() | {
    "array-like": "numpy.typing.ArrayLike",
    "CSR": "scipy.sparse.csr_array",
}
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"  # but for these; a word such as "int" needs no link
numpydoc_xref_aliases = {word: word for word in numpydoc.xref.DEFAULT_LINKS} | SHORT_NAMES

# -- Gallery -------------------------------------------------------------------------------------
SECTIONS = "start", "selection", "outcomes", "methods"
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": "/",  # run all of them
    "subsection_order": [f"../examples/{name}" for name in SECTIONS],
    "backreferences_dir": "gallery/backreferences",
    "doc_module": ("skreg_mlp",),
    "reference_url": {"skreg_mlp": None},
    "image_scrapers": ("matplotlib",),
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "default_thumb_file": str(Path(__file__).parent / "images/network.svg"),
    "write_computation_times": False,
}

# -- HTML ----------------------------------------------------------------------------------------
html_theme = "pydata_sphinx_theme"
html_title = "skreg_mlp"
LOGO = html_favicon = "images/network.svg"
html_context = {"default_mode": "auto"}
html_static_path = ["_static", MATHJAX]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_baseurl = URLS["Documentation"]
html_sidebars = {"*": [], "api": ["sidebar-nav-bs"]}  # only these and folders have pages below
html_theme_options = {
    "logo": {"text": "skreg_mlp", "image_light": LOGO, "image_dark": LOGO},
    "header_links_before_dropdown": 6,
    "navbar_start": ["navbar-logo", "version"],
    "navbar_end": ["theme-switcher", "navbar-icon-links"],
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": ["version"],
}
if "example.org" not in URLS["Source"]:  # a placeholder leads nowhere
    html_theme_options["github_url"] = URLS["Source"]


# -- Texts that are used as they are ---------------------------------------------------------------
LINKS = {  # of files at the root of the repository: where their targets are from docs/
    r"\]\(docs/": "](",
    r"\]\(CHANGELOG.md": "](changelog.md",
    r"\]\(examples/(\w+)/(\w+)\.py": r"](gallery/\1/\2.rst",
    r"\]\(CONTRIBUTING.md": "](contributing.md",
    r"\]\(benchmarks/": "](../benchmarks/",
}


def relink(app, path, parent, content):
    if Path(path).suffix == ".md":
        for pattern, target in LINKS.items():
            content[0] = re.sub(pattern, target, content[0])


def complete(app, env, node, contnode):
    """Look for `GridSearchCV` in the other inventories by its full name."""
    node["reftarget"] = SHORT_NAMES.get(node["reftarget"], node["reftarget"])


PROSE = nodes.section, addnodes.desc_content  # not notes and tables


def describe(app, pagename, templatename, context, doctree):
    """Let the first paragraph of a page be its description in a list of search results."""
    found = doctree.findall(nodes.paragraph) if doctree else ()
    texts = (node.astext() for node in found if isinstance(node.parent, PROSE))
    if text := next((text for text in texts if len(text) > 40), ""):
        text = html.escape(textwrap.shorten(text, 200, placeholder=" ..."))
        context["metatags"] += f'<meta name="description" content="{text}">\n'


def setup(app):
    app.connect("include-read", relink)
    app.connect("missing-reference", complete, priority=400)  # before that of intersphinx
    app.connect("html-page-context", describe)
    app.add_js_file(None, body="console.log = () => {};")  # the theme reports its color mode there
