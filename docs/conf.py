"""Sphinx configuration; python -m sphinx -b html docs docs/_build/html builds the site."""

import re
from importlib.util import find_spec
from pathlib import Path

import skreg_mlp

project = "skreg_mlp"
author = "The skreg_mlp developers"
copyright = author
version = release = skreg_mlp.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
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


autosummary_context = {
    "own_methods": {
        f"{module.__name__}.{name}": own_methods(getattr(module, name))
        for module in (skreg_mlp, skreg_mlp.penalties)
        for name in module.__all__
    }
}
numpydoc_show_class_members = False
autodoc_typehints = "none"  # the docstrings say more
toc_object_entries_show_parents = "hide"

# -- Gallery -------------------------------------------------------------------------------------
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": "/",  # run all of them
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
html_sidebars = {"*": [], "api": ["sidebar-nav-bs"]}  # only these and the examples have pages below
html_theme_options = {
    "logo": {"text": "skreg_mlp", "image_light": LOGO, "image_dark": LOGO},
    "header_links_before_dropdown": 6,
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}


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


def setup(app):
    app.connect("include-read", relink)
