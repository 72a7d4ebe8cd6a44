"""What tests send to the studio that nobody should: requests by the protocol's types, and damaged ones."""

import json
from typing import NamedTuple

import msgspec
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from dancenet.studio import protocol

#: One server for all; whoever fails says so in its log.
HOURS = settings(
    deadline=None,
    phases=(Phase.explicit, Phase.generate),  # a smaller case would take as long again, each
    database=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
FEW, MANY = settings(HOURS, max_examples=200), settings(HOURS, max_examples=10_000)

#: Things that the test's studio has, things that it has not, and what is no name at all.
THERE = ["mine", "bit", "piece", "principal-1", "principal-2"]
NAMES = st.sampled_from([*THERE, *THERE, "gone"]) | st.from_regex(r"[A-Za-z0-9_-]{1,60}", fullmatch=True)
PLACES = st.sampled_from(
    ["mine", "gone", "x:y", "x:nan", "x:1e9", ":", "x:-1", "/etc/passwd:3", "a:b.json", "x" * 200, "../x"]
)
TEXTS = PLACES | st.text(max_size=60)
NUMBERS = (
    st.sampled_from([0, 1, -1, 0.25, 2.5, 20, 400, 9999, 10**9, 2**31 - 1, 2**31, 2**53, 2**64, 1e308])
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
KINDS = {kind.__struct_config__.tag: kind for kind in protocol.Request.__subclasses__()}
#: What would take minutes if it were there: a short score is danced, and nothing is exported.
ONLY = {("play", "name"): st.sampled_from(["short", "gone"]), ("export", "name"): st.just("gone")}


def values_of(kind: msgspec.inspect.Type) -> st.SearchStrategy:
    """Values that a type of the protocol allows, its ends among them."""
    match kind:
        case msgspec.inspect.Metadata():
            return values_of(kind.type)
        case msgspec.inspect.NoneType():
            return st.none()
        case msgspec.inspect.BoolType():
            return st.booleans()
        case msgspec.inspect.IntType():
            least, most = kind.ge or 0, 2**53 if kind.le is None else kind.le
            usual = st.integers(least, min(most, 400))
            return st.sampled_from([least, most]) | usual | st.integers(least, most)
        case msgspec.inspect.FloatType():
            ends = [-1e308 if kind.ge is None else kind.ge, 1e308 if kind.le is None else kind.le]
            return st.sampled_from(ends) | st.floats(*ends, allow_nan=False)
        case msgspec.inspect.StrType():
            return NAMES if kind.pattern else TEXTS.filter(lambda text: len(text) <= (kind.max_length or 200))
        case msgspec.inspect.LiteralType():
            return st.sampled_from(kind.values)
        case msgspec.inspect.ListType():
            least = kind.min_length or 0
            return st.lists(values_of(kind.item_type), min_size=least, max_size=least + 4)
        case msgspec.inspect.DictType():
            return st.dictionaries(values_of(kind.key_type), values_of(kind.value_type), max_size=3)
        case msgspec.inspect.UnionType():
            return st.one_of(*map(values_of, kind.types))
        case msgspec.inspect.StructType():
            return table_of(kind)
    raise TypeError(f"the protocol has a type that is not tried: {kind}")


def table_of(struct: msgspec.inspect.StructType) -> st.SearchStrategy[dict]:
    """Tables of a message, those fields that need not be there sometimes left out."""
    fields = [one for one in struct.fields if one.encode_name != "id"]
    tables = {one.encode_name: ONLY.get((struct.tag, one.encode_name), values_of(one.type)) for one in fields}
    needed = {one.encode_name for one in fields if one.required}
    return st.fixed_dictionaries(
        {name: tables[name] for name in needed},
        optional={name: table for name, table in tables.items() if name not in needed},
    )


#: Requests as the protocol describes them.
VALID = st.one_of(
    [
        table_of(msgspec.inspect.type_info(kind)).map(lambda table, do=do: {"do": do, **table})
        for do, kind in sorted(KINDS.items())
    ]
)


@st.composite
def almost(draw) -> dict:
    """A request in which one thing is not as it should be, or is missing, or too much."""
    asked = draw(VALID)
    name = draw(st.sampled_from(sorted(asked)) | st.text(max_size=8))
    if draw(st.booleans()) and name in asked and name != "do":
        del asked[name]
    else:
        asked[name] = draw(ANYTHING)
    return {key: value for key, value in asked.items() if key != "id"}


@st.composite
def damaged_text(draw, texts: st.SearchStrategy[str]) -> str:
    """A text with characters changed, left out and put in, pieces of it doubled, its end cut off."""
    text = draw(texts)
    for _ in range(draw(st.integers(1, 4))):
        low, high = sorted(draw(st.integers(0, len(text))) for _ in range(2))
        match draw(st.sampled_from(["put in", "change", "leave out", "double", "cut off"])):
            case "put in":
                text = text[:low] + draw(st.text(max_size=4)) + text[low:]
            case "change":
                text = text[:low] + draw(st.characters(codec="utf-8")) + text[low + 1 :]
            case "leave out":
                text = text[:low] + text[high:]
            case "double":
                text = text[:high] + text[low:high] + text[high:]
            case _:
                text = text[:high]
    return text


class Damage(NamedTuple):
    """What becomes of a file: of which one, bytes that are changed, where it is cut off, what is appended."""

    file: int
    changes: list[tuple[int, int]]
    end: int | None
    more: bytes

    def of(self, files: list[bytes]) -> bytes:
        """The damaged file."""
        data = bytearray(files[self.file])
        for place, value in self.changes:
            data[place % len(data)] = value
        return bytes(data[: self.end and self.end % len(data)]) + self.more


def damages(files: list[bytes]) -> st.SearchStrategy[Damage]:
    """Damage to one of some files, half of it at the beginning, where they say what they are."""
    places = st.integers(0, 2**20) | st.integers(0, 120)
    changes = st.lists(st.tuples(places, st.integers(0, 255)), max_size=10)
    ends, more = st.none() | st.integers(1, 2**20), st.just(b"") | st.binary(max_size=20)
    return st.builds(Damage, st.integers(0, len(files) - 1), changes, ends, more)


#: What is no request: other JSON, no JSON, requests with damaged letters.
NO_REQUESTS = (
    ANYTHING.map(json.dumps)
    | st.text(max_size=200)
    | st.binary(max_size=200)
    | st.sampled_from(
        [
            "[" * 5000,
            '{"a":' * 5000,
            "{" + '"do":"set",' * 50 + '"id":3}',
            '{"do":"set","tempo":1e999}',
            "\ufeff{}",
            "NaN",
        ]
    )
    | damaged_text(VALID.map(json.dumps))
)
