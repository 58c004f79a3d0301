"""NC1xx: reading and parsing files, their shape, includes and variables."""

from netctl.codes.code import Code

READING = {
    "NC101": Code(
        "A file cannot be read",
        "A file that `-f`, `--var-file` or `include` names does not exist, is not a regular file or a pipe, "
        "or is not readable.",
        "Correct the path, or the file's permissions. Paths in `include` are relative to the file that names them.",
    ),
    "NC102": Code(
        "No stack file found",
        "A directory holds no `*.yaml` or `*.yml` file, a pattern matches nothing, or no file was named.",
        "Name a file, a directory that holds YAML files, a pattern in quotes, or `-` for standard input.",
    ),
    "NC103": Code(
        "A file is too large",
        "A stack file may be 16 MiB at most. A larger one is refused before it is read.",
        "Split the stack over several files; they are merged by name.",
    ),
    "NC104": Code(
        "A file is not UTF-8",
        "Stack files are UTF-8. The message gives the offset of the first byte that is not.",
        "Convert the file, for example with `iconv -t UTF-8`.",
    ),
    "NC105": Code(
        "A file holds a control character",
        "NUL bytes and control characters other than tab and newline are not allowed, written out or as an "
        "escape such as `\\0`.",
        "Remove the character.",
    ),
    "NC106": Code(
        "A file declares nothing",
        "The file is empty, or holds comments only.",
        "Write a stack into it, or do not name it.",
    ),
    "NC107": Code(
        "YAML syntax",
        "The file is not well-formed YAML.",
        "Correct the place that the message points at; often the cause just before it is a wrong "
        "indentation, a missing quote, or a colon without a space after it.",
    ),
    "NC108": Code(
        "A duplicate key",
        "A mapping has the same key twice. The message names the line of the first.",
        "Remove or rename one of the two. To override a declaration, put it into a later document or file.",
    ),
    "NC109": Code(
        "An unknown tag",
        "Only YAML's own tags `!!str`, `!!int`, `!!float`, `!!bool`, `!!null`, `!!map` and `!!seq` are known.",
        "Remove the tag.",
    ),
    "NC110": Code(
        "The document is not a mapping",
        "A stack is a mapping of keys such as `stack`, `networks` and `routes`; a document that is a list or "
        "a single value is none.",
        "Begin the document with `stack: <name>`; the colon needs a space after it.",
    ),
}

SCHEMA = {
    "NC111": Code(
        "An unknown key",
        "The language has no such key here. The message names the nearest known one.",
        "Correct the key, or remove it. `netctl explain <path>` lists the keys. A top-level key of your own "
        "begins with `x-`.",
    ),
    "NC112": Code(
        "Not supported by this version",
        "The language has a place for this, but this version of netctl does not implement it yet.",
        "Remove it, or use a later version.",
    ),
    "NC113": Code(
        "A required key is missing",
        "The declaration cannot be understood without this key.",
        "Add the key.",
    ),
    "NC114": Code(
        "A value of the wrong type",
        "The value is text where a number is expected, a single value where a mapping is expected, and so on.",
        "Write a value of the type that the message names.",
    ),
    "NC115": Code(
        "A malformed value",
        "The value has the right type, but not the form of an address, a CIDR, a name or whatever is expected.",
        "Write it in the form that the message names.",
    ),
    "NC116": Code(
        "A number out of range",
        "The number is smaller or larger than is allowed here.",
        "Choose one within the limits that the message names.",
    ),
    "NC117": Code(
        "Not one of the choices",
        "The value must be one of a few words.",
        "Write one of those that the message lists.",
    ),
    "NC118": Code(
        "Too many or too few entries",
        "A list or a mapping has more, or fewer, entries than is allowed here.",
        "Add or remove entries.",
    ),
}

YAML = {
    "NC121": Code(
        "Aliases expand without bound",
        "The aliases (`*name`) and merge keys (`<<`) of a file may stand for one million values in all, and "
        "count towards the levels of nesting. Nothing may contain itself.",
        "Write the values out, or use fewer aliases.",
    ),
    "NC122": Code(
        "Nested too deeply",
        "Mappings and lists may be nested 64 deep.",
        "Flatten the declaration; no declaration of the language needs more than ten levels.",
    ),
    "NC123": Code(
        "A key that is not a scalar",
        "A key of a mapping must be a plain or quoted word, not a mapping, a list or an alias.",
        "Write the key as a word. A value that begins with `{` or `[` and is meant as text needs quotes.",
    ),
    "NC124": Code(
        "An undefined alias",
        "`*name` stands for the value marked `&name` earlier in the same document; there is none.",
        "Define the anchor before its use, or put text that begins with `*` in quotes.",
    ),
    "NC125": Code(
        "A merge key without a mapping",
        "`<<` takes a mapping, or a list of mappings, usually by an alias.",
        "Write `<<: *anchor` or `<<: [*first, *second]`.",
    ),
    "NC126": Code(
        "A YAML directive",
        "Directives such as `%YAML 1.1` and `%TAG` change how a file is read. Stack files are YAML 1.2 and use none.",
        "Remove the line that begins with `%`.",
    ),
    "NC127": Code(
        "A value that contradicts its tag",
        "The value cannot be read as the type that its tag names, as in `!!int abc`.",
        "Correct the value, or remove the tag.",
    ),
}

INCLUDE = {
    "NC131": Code(
        "A cycle of includes",
        "A file includes itself, directly or by way of others. The message shows the path.",
        "Remove one of the `include` entries on that path.",
    ),
    "NC132": Code(
        "A malformed include",
        "`include` takes a path or a list of paths, relative to the file that names them. Variables are not "
        "expanded in it.",
        "Write `include: [other.yaml]`.",
    ),
    "NC133": Code(
        "Two stacks where one was named",
        "All that one command reads is one stack. A file, directory or pattern that one `-f` names holds documents "
        "that name two, and one would take over what is declared for the other. To rename a stack on purpose, do it "
        "in a file that a further `-f` names.",
        "Give each stack a file or a directory of its own, and name one of them.",
    ),
    "NC134": Code(
        "A saved plan where a stack was named",
        "The file is what `netctl plan --out` wrote: it holds changes, and no declarations.",
        "Apply it without `-f`, as in `netctl apply plan.json`; with `-f`, name the files that declare the stack.",
    ),
    "NC135": Code(
        "A Compose file where a stack was named",
        "The file has services with an `image` or `build`, and names no stack: Docker Compose runs those, and netctl "
        "makes the networks that they are on.",
        "Print its networks as a stack with `netctl import --compose FILE`.",
    ),
}

VARIABLES = {
    "NC141": Code(
        "An undefined variable",
        "`${name}` has no value and no default, or `${name:?message}` demands one that was not given.",
        "Define it under `vars`, in a `--var-file`, as `NETCTL_VAR_<name>` or with `--var`; or give a "
        "default: `${name:-default}`.",
    ),
    "NC142": Code(
        "A malformed variable reference",
        "A dollar sign begins `$name`, `${name}`, `${name:-default}`, `${name-default}`, `${name:?message}`, "
        "`${name?message}`, "
        "`${name:+other}` or `${name+other}`.",
        "Correct the reference; write `$$` for a dollar sign.",
    ),
    "NC143": Code(
        "A malformed variable definition",
        "A variable's name consists of letters, digits and `_` and does not begin with a digit. "
        "Its value is a single value, not a mapping or list, and is taken as it is: it cannot refer to other "
        "variables.",
        "Correct the definition.",
    ),
    "NC144": Code(
        "A variable that nothing uses",
        "`--var` sets a variable that the stack neither declares under `vars` nor refers to.",
        "Correct the name, or remove the option.",
    ),
    "NC145": Code(
        "Variables expand without bound",
        "The text that variables expand to may be 16 MiB in all.",
        "Use shorter values, or fewer references.",
    ),
}
