"""All that the product writes goes through `twin.files.atomic`: whole or not at all, one writer at a time.

Whoever writes into what is being filled calls it `part`, as the block of `atomic_file` and `atomic_folder` does; what
goes into memory is called `memory`. Any other target of a writing call is a second way to write.
"""

import ast

import pytest

from tests.test_floors import MODULES, tree

METHODS = {
    "write_text", "write_bytes", "mkdir", "rmdir", "unlink", "touch", "rename", "symlink_to", "hardlink_to", "chmod",
    "save_as", "tofile", "savefig", "write_html", "write_image", "extractall", "save_file", "dcmwrite", "WriteImage",
    "sink_parquet", "sink_csv", "sink_ipc", "to_csv", "to_parquet", "to_pickle",
}  # fmt: skip
TABLES = {
    "write_parquet",
    "write_csv",
    "write_json",
    "write_ndjson",
    "write_ipc",
}  # into a text where given nothing
FUNCTIONS = {
    "np.save", "np.savez", "np.savez_compressed", "np.savetxt", "torch.save", "json.dump", "pickle.dump", "yaml.dump",
    *(f"os.{n}" for n in ("rename", "replace", "remove", "unlink", "rmdir", "mkdir", "makedirs", "link", "symlink")),
    *(f"shutil.{n}" for n in ("rmtree", "copy", "copy2", "copyfile", "copytree", "move", "unpack_archive")),
    *(f"tempfile.{n}" for n in ("mkdtemp", "mkstemp", "TemporaryDirectory", "NamedTemporaryFile")),
}  # fmt: skip
FILLED = {"part", "memory"}
THE_WRITERS = {"twin.files.atomic", "twin.files.lock", "twin.files.disk"}
PRIVATE = {  # what is read and thrown away; nothing of it is ever a result
    "dashboards.files.uploads": "what browsers send",
    "dashboards.viewer.film": "pictures on their way to ffmpeg, in a private folder",
    "dashboards.files.opened": "the folder of a user who has nothing yet",
    "twin.files.private": "the place itself",
    "twin.files.archive": "what is unpacked",
    "twin.dicom.pixels": "pixels on their way to a decoder",
    "twin.dicom.organ": "one structure set, apart from what lies beside it",
}


def root(node: ast.AST) -> str:
    """The name that an expression begins with: `part` of `(part / "a").open("wb")` and of `Path(part)`."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Call(func=ast.Name(), args=[inner, *_]):
            return root(inner)
        case ast.Attribute(value=inner) | ast.Call(func=inner) | ast.BinOp(left=inner):
            return root(inner)
    return ""


def writes(call: ast.Call, pillow: bool) -> bool:
    """Whether a call writes, removes or moves something on the disk."""
    name, method = ast.unparse(call.func), ast.unparse(call.func).rpartition(".")[2]
    texts = {
        str(a.value) for a in (*call.args, *(k.value for k in call.keywords)) if isinstance(a, ast.Constant)
    }
    return (
        name in FUNCTIONS
        or method in METHODS
        or (method in TABLES and bool(call.args))
        or (method == "replace" and len(call.args) == 1 and not call.keywords)  # a text's takes two
        or (method == "save" and pillow and len(call.args) > 1)
        or (method == "open" and any(set(t) & set("wax+") and set(t) <= set("rwabtx+") for t in texts))
    )


@pytest.mark.parametrize("module", sorted(MODULES.keys() - THE_WRITERS - PRIVATE.keys()))
def test_nothing_is_written_in_another_way(module):
    nodes = list(ast.walk(tree(MODULES[module])))
    opened = {  # `file` of `part.open("wb") as file`
        n.optional_vars.id
        for n in nodes
        if isinstance(n, ast.withitem)
        and isinstance(n.optional_vars, ast.Name)
        and root(n.context_expr) == "part"
    }
    pillow = any(isinstance(n, ast.ImportFrom) and n.module == "PIL" for n in nodes)
    for call in (n for n in nodes if isinstance(n, ast.Call) and writes(n, pillow)):
        given = {root(call.func), *map(root, call.args)}
        assert given & (FILLED | opened), f"{module}:{call.lineno}: {ast.unparse(call)}"


@pytest.mark.parametrize(
    "line",
    [
        "path.write_text('x')", "(out / 'a').mkdir()", "np.save(out, a)", "open(out, 'w')", "out.open('ab')",
        "frame.write_parquet(out / 'a')", "torch.save(state, path)", "path.replace(other)", "shutil.rmtree(out)",
    ],
)  # fmt: skip
def test_another_way_is_seen(line):
    (call,) = (n.value for n in ast.parse(line).body)
    assert writes(call, False) and not {root(call.func), *map(root, call.args)} & FILLED
