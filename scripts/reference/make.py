"""Makes the whole reference set in a folder. Called by scripts/make-reference."""

import sys

import adapter_kinds
import adapters
import classification
import conversations
import distillation
import generation
import malformed
import models
import optimizers
import reference_templates
import reference_tokenizers
import trajectory

if __name__ == "__main__":
    out = sys.argv[1]
    wanted = set(sys.argv[2:])
    for name, part in [
        ("malformed", malformed.make_all),
        ("tokenizers", reference_tokenizers.make_all),
        ("templates", reference_templates.make_all),
        ("chat-model", conversations.make),
        ("models", models.make_all),
        ("trajectory", trajectory.make_all),
        ("adapters", adapters.make_all),
        ("adapter_kinds", adapter_kinds.make_all),
        ("optimizers", optimizers.make_all),
        ("classification", classification.make_all),
        ("distillation", distillation.make_all),
        ("generation", generation.make_all),
    ]:
        if not wanted or name in wanted:
            part(out)
