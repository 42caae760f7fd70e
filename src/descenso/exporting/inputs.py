"""Write the Python of an exported script or page that encodes and checks inputs."""

from descenso.runs.trained import Trained
from descenso.text import _

ENCODE = '''\
MISSING = ("", "na", "n/a", "nan", "<na>", "null", "?")
TRUTH = {"true": 1.0, "false": 0.0}


def encode(rows: list) -> Array:
    """Encode rows of a table; each is a dict of values by column, None or NaN or empty where one is missing."""
    encoded = []
    for row in rows:
        inputs = []
        for column in ENCODING:
            given = row[column["name"]]
            value = "" if given is None else str(given).strip()
            gap = value.lower() in MISSING
            if column["kind"] == "category":
                if not gap and value not in column["categories"]:
                    warnings.warn(f"{column['name']}: {value!r} is in no training row", stacklevel=2)
                inputs += [float(value == category) for category in column["categories"]]
            else:
                if isinstance(given, str) and DECIMAL == ",":
                    if "." in value:
                        raise ValueError(f"{column['name']}: {value!r}; expected a decimal comma and no other marks")
                    value = value.replace(",", ".")
                inputs.append(column["fill"] if gap else float(TRUTH.get(value.lower(), value)))
            inputs += [float(gap)] if column["missing"] else []
        encoded.append(inputs)
    return np.array(encoded)


'''
CHECK_PIXELS = """\
with np.errstate(invalid="ignore"):
    pixels = inputs.astype(np.uint8)
if (pixels != inputs).any() or ({scaled}inputs.dtype.kind == "f" and inputs.size and inputs.max() <= 1):
    raise ValueError(MESSAGES["pixels"].format(got=inputs.dtype))
return pixels
"""
CHECK_NUMBERS = """\
finite = np.isfinite(inputs).reshape(len(inputs), -1).all(axis=1)
if not finite.all():
    raise ValueError(MESSAGES["finite"].format(row=int(finite.argmin())))
return inputs
"""


def encoding_of(trained: Trained) -> str:
    """Write how the columns of a table become inputs, for `ENCODE`; nothing where they are inputs as they are."""
    encoding = trained.encoding
    if encoding is None or encoding.inputs == tuple(column.name for column in encoding.columns):
        return ""
    columns = "".join(f"    {one._asdict()},\n" for one in encoding.columns)
    return (
        f"ENCODING = [\n{columns}]  # how columns become inputs\nDECIMAL = {encoding.decimal!r}  # of numbers in text\n"
    )


def check_of(trained: Trained) -> str:
    """Write the lines that check the values of the inputs."""
    if trained.stored != "uint8":
        return CHECK_NUMBERS
    return CHECK_PIXELS.format(scaled="" if trained.scaling.scale != 1 else "False and ")


def messages() -> str:
    """Write the sentences that the script says, in the language of the user."""
    said = {
        "usage": _("usage: python {script} rows.npy"),
        "read": _("{path}: cannot be read ({reason})"),
        "damaged": _("{path}: not an array in NumPy's format NPY, or damaged; write one with numpy.save"),
        "archive": _("{path}: an archive of arrays; write the one with the rows with numpy.save"),
        "shape": _("an array of shape {got}, expected {expected}"),
        "type": _("values of type {got}, expected numbers"),
        "pixels": _("values of type {got} that are no pixels as stored, whole numbers from 0 to 255; "
                    "try (255 * X).round().astype('uint8')"),
        "finite": _("row {row} holds a value that is not finite"),
    }  # fmt: skip
    return "MESSAGES = {\n" + "".join(f"    {name!r}: {text!r},\n" for name, text in said.items()) + "}\n"
