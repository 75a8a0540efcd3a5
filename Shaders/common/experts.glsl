// The softmax of which the weight of a chosen expert is a share: WEIGHTING 0: over the chosen ones,
// 1: over all, 2: over those that are left at each rank and near enough to its largest logit
// (ExpertWeighting in Sources/Graph/Operations/ExpertChoice.swift). A shader has declared `logits`,
// an invocation takes a row.

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint GROUP_SIZE = 64;

uint chosen[COUNT];
float set_largest;
float set_sum;

bool is_among(uint expert, uint count) {
    for (uint i = 0; i < count; i++) {
        if (chosen[i] == expert) return true;
    }
    return false;
}

// Whether an expert with this logit belongs to the set of a rank.
bool is_in_set(uint row, uint expert, float logit, uint rank) {
#if WEIGHTING == 0
    return is_among(expert, COUNT);
#elif WEIGHTING == 1
    return true;
#else
    if (is_among(expert, rank)) return false;
    float top = logits(row, chosen[rank]);
    return !((top - logit) / max(abs(logit), top) > FLOAT_PARAMETER(OPERANDS, 2));
#endif
}

float share(float logit) { return exp(logit - set_largest) / set_sum; }

void find_set(uint row, uint rank, uint count) {
#if WEIGHTING == 2
    set_largest = logits(row, chosen[rank]);
#else
    set_largest = logits(row, chosen[0]);
#endif
    set_sum = 0.0;
#if WEIGHTING == 0
    for (uint i = 0; i < COUNT; i++) set_sum += exp(logits(row, chosen[i]) - set_largest);
#else
    for (uint expert = 0; expert < count; expert++) {
        float logit = logits(row, expert);
        if (is_in_set(row, expert, logit, rank)) set_sum += exp(logit - set_largest);
    }
#endif
}
