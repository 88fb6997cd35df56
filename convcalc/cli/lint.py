"""`convcalc lint`: what will hurt in a layer, a row of layers or a network."""

from __future__ import annotations

import sys
from functools import partial

from convcalc.cli.answer import print_json
from convcalc.cli.options import WORDS_OR_MODEL, SharedOptions, layer_command
from convcalc.questions.lint import RULES, lint
from convcalc.render.lint import lint_view, show_findings
from convcalc.render.table import show


@partial(layer_command, words=WORDS_OR_MODEL)
def command(options: SharedOptions) -> int:
    """What will hurt: pixels never read, uneven sums, holes, groups that never mix, padding; each with a fix.

    Takes a row of layer words, the options of one layer, or a MODEL: a network of the zoo, a TOML or an ONNX file.
    --explain gives the reason and the source of every rule.

    Examples:
      convcalc lint 3x224x224 k7s2p3f64 max:k3s2p1 t:k3s2p1
      convcalc lint k3d2*3
      convcalc lint resnet50-v1 --explain
      convcalc lint -t transposed -i 16x8x8 -k 3 -s 2 -f 8 --json
    """
    found = lint(options.subject())
    rules = RULES if options.explain else ()
    if options.json:
        print_json({**found.to_dict(), **({"reasons": {rule.id: rule.why for rule in rules}} if rules else {})})
    elif sys.stdout.isatty() or rules:
        show_findings(found, rules)
    else:
        show(lint_view(found))
    return 0
