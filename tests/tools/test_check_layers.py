# SPDX-License-Identifier: Apache-2.0
"""tools/check-layers refuses what it promises to refuse: each test plants one violation in a small clean tree."""
import subprocess
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "check-layers"
LICENCE = "/* SPDX-License-Identifier: Apache-2.0 */\n"
CLEAN = {
    "tools/layers": "# comment\nlib/base:\nlib/wire: base\nserver/doors: base wire\ntests: *\n",
    "lib/base/bytes.h": LICENCE,
    "lib/base/bytes.c": LICENCE + '#include "base/bytes.h"\n#include <string.h>\nvoid f(void) { strcpy(a, b); }\n',
    "lib/wire/mqtt.h": LICENCE + '#include "base/bytes.h"\n',
    "lib/wire/mqtt.c": LICENCE + '#include "wire/mqtt.h"\n#include <net/if.h>\n',
    "server/doors/mqtt/door.h": LICENCE,
    "server/doors/mqtt/door.c": LICENCE + '#include "doors/mqtt/door.h"\n#include "wire/mqtt.h"\n',
    "tests/unit/test_bytes.c": LICENCE + '#include "base/bytes.h"\n#include "tests/unit/unit.h"\n',
}


@pytest.fixture
def tree(tmp_path: Path):
    def plant(changes: dict[str, str]) -> subprocess.CompletedProcess[str]:
        for name, text in {**CLEAN, **changes}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return subprocess.run([TOOL, tmp_path], capture_output=True, text=True, check=False)

    return plant


def test_a_clean_tree_passes(tree):
    done = tree({})
    assert (done.returncode, done.stdout) == (0, "check-layers: 7 files, ok\n")


@pytest.mark.parametrize(("name", "text", "reason"), [
    ("lib/base/up.c", LICENCE + '\n#include "wire/mqtt.h"\n', "lib/base/up.c:3: \"wire/mqtt.h\": tools/layers does not let"),
    ("lib/base/up.c", LICENCE + "#include <wire/mqtt.h>\n", "lib/base/up.c:2: \"wire/mqtt.h\": tools/layers does not let"),
    ("lib/wire/climb.c", LICENCE + '#include "../base/bytes.h"\n', "climb.c:2: \"../base/bytes.h\": an include does not climb"),
    ("lib/wire/climb.c", LICENCE + '#include "base/../wire/mqtt.h"\n', "does not climb"),
    ("lib/wire/bare.c", LICENCE + '#include "mqtt.h"\n', "includes are by path"),
    ("lib/wire/mqtt.c", LICENCE + '#include "base/bytes.h"\n#include "wire/mqtt.h"\n', "mqtt.c:2: the first include is"),
    ("lib/wire/mqtt.c", LICENCE + "int x;\n", "mqtt.c:1: the first include is"),
    ("server/doors/mqtt/door.c", LICENCE + '#include "wire/mqtt.h"\n', "the first include is the file's own"),
    ("lib/other/a.c", LICENCE, "lib/other is in no folder of tools/layers"),
    ("lib/loose.c", LICENCE, "lib is in no folder of tools/layers"),
    ("lib/wire/bare.h", "int x;\n", "bare.h:1: no licence line"),
    ("tools/script", "#!/bin/sh\necho\n", "tools/script:1: no licence line"),
    ("lib/wire/copy.c", LICENCE + "\nvoid f(void) { strcpy (a, b); }\n", "copy.c:3: strcpy: works on unbounded"),
    ("lib/wire/copy.c", LICENCE + "void f(void) { sprintf(a, b); }\n", "sprintf: writes without a limit"),
    ("lib/wire/copy.c", LICENCE + "void *f(int n) { return alloca(n); }\n", "alloca: the peer's size"),
    ("tests/unit/t.c", LICENCE + "int f(char *s) { return atoi(s); }\n", "atoi: cannot report an error"),
    ("lib/wire/eq.c", LICENCE + "int f(void) { return memcmp(a,\n  old_token.data, 3); }\n", "eq.c:2: memcmp: compares a secret"),
    ("tools/layers", "lib/base: wire\nlib/wire: base\nserver/doors: base wire\ntests: *\n", "tools/layers:1: cycle: lib/base -> lib/wire -> lib/base"),
    ("tools/layers", CLEAN["tools/layers"] + "cli: base nowhere\n", "tools/layers:6: cli may see 'nowhere'"),
])
def test_a_violation_is_refused(tree, name, text, reason):
    done = tree({name: text})
    assert done.returncode == 1
    assert reason in done.stdout
    assert "problems" in done.stdout


@pytest.mark.parametrize("harmless", [
    "/* strcpy(a, b) is not used */\n",
    "// gets(line)\n",
    'const char *s = "atoi(x) /*";\n',
    "int f(void) { return memcmp(a, b, 3) == my_strcpy(a) + box.gets(c); }\n",
    "int f(void) { return snprintf(a, 3, b); }\n",
])
def test_words_in_comments_strings_and_longer_names_are_no_calls(tree, harmless):
    done = tree({"lib/wire/words.c": LICENCE + harmless})
    assert done.returncode == 0, done.stdout
