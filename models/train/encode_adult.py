"""Encodes Adult census rows as the 29 inputs of `adult.onnx`.

    python encode_adult.py adult.test adult-test.npz

Columns: age and hours per week scaled to [0, 1] (17..90, 1..99), then one-hot groups
workclass, education, marital-status, occupation, race, gender, levels in alphabetical
order (printed). Arrays written: `x` float32 [n, 29], `y` int64 [n] (1: income > 50K),
`female` and `white` uint8 [n] for slices. Needs pandas and numpy.
"""

import sys

import numpy as np
import pandas as pd

NAMES = (
    "age workclass fnlwgt education educational-num marital-status occupation relationship "
    "race gender gain loss hours-per-week country income"
).split()
GOVERNMENT = ("Federal-gov", "State-gov", "Local-gov")
WORK = {
    **{k: "Government" for k in GOVERNMENT},
    **{k: "Self-Employed" for k in ("Self-emp-not-inc", "Self-emp-inc")},
    **{k: "Other/Unknown" for k in ("Without-pay", "Never-worked", "?")},
}
OCCUPATION = {
    **{k: "White-Collar" for k in ("Adm-clerical", "Exec-managerial")},
    **{
        k: "Blue-Collar"
        for k in ("Craft-repair", "Farming-fishing", "Handlers-cleaners", "Machine-op-inspct", "Transport-moving")
    },
    **{k: "Service" for k in ("Other-service", "Priv-house-serv", "Protective-serv", "Tech-support")},
    "Prof-specialty": "Professional",
    **{k: "Other/Unknown" for k in ("Armed-Forces", "?")},
}
MARRIED = {
    **{k: "Married" for k in ("Married-civ-spouse", "Married-AF-spouse", "Married-spouse-absent")},
    "Never-married": "Single",
}
EDUCATION = {
    **{k: "Assoc" for k in ("Assoc-voc", "Assoc-acdm")},
    **{k: "School" for k in ("11th", "10th", "7th-8th", "9th", "12th", "5th-6th", "1st-4th", "Preschool")},
}
RACE = {k: "Other" for k in ("Black", "Asian-Pac-Islander", "Amer-Indian-Eskimo")}
LEVELS = {
    "workclass": ["Government", "Other/Unknown", "Private", "Self-Employed"],
    "education": ["Assoc", "Bachelors", "Doctorate", "HS-grad", "Masters", "Prof-school", "School", "Some-college"],
    "marital-status": ["Divorced", "Married", "Separated", "Single", "Widowed"],
    "occupation": ["Blue-Collar", "Other/Unknown", "Professional", "Sales", "Service", "White-Collar"],
    "race": ["Other", "White"],
    "gender": ["Female", "Male"],
}


def read(path):
    """Rows of adult.data or adult.test (whose first line is a comment)."""
    skip = 1 if str(path).endswith("test") else 0
    rows = pd.read_csv(path, names=NAMES, skipinitialspace=True, skiprows=skip, dtype=str).dropna()
    for column, mapping in (
        ("workclass", WORK),
        ("education", EDUCATION),
        ("marital-status", MARRIED),
        ("occupation", OCCUPATION),
        ("race", RACE),
    ):
        rows[column] = rows[column].replace(mapping)
    return rows


def encode(rows):
    age = (rows["age"].astype(float) - 17) / 73
    hours = (rows["hours-per-week"].astype(float) - 1) / 98
    parts = [np.stack([age, hours], 1)]
    for column, levels in LEVELS.items():
        parts.append(np.stack([(rows[column] == level).to_numpy(float) for level in levels], 1))
    return np.concatenate(parts, 1).astype(np.float32)


def main():
    source, target = sys.argv[1:]
    rows = read(source)
    x = encode(rows)
    y = rows["income"].str.startswith(">50K").astype(np.int64).to_numpy()
    np.savez_compressed(
        target,
        x=x,
        y=y,
        female=(rows["gender"] == "Female").astype(np.uint8).to_numpy(),
        white=(rows["race"] == "White").astype(np.uint8).to_numpy(),
    )
    print(x.shape, f"positive {y.mean():.4f}", LEVELS)


if __name__ == "__main__":
    main()
