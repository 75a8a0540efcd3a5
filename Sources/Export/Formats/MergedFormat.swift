import Models

/// The base model with the adapter merged into it, as a Hugging Face folder in the base's element
/// types.
struct MergedFormat: ResultFormat {
    let name = "merged"

    func fits(_ tuned: TunedModel) -> Bool {
        if case .adapter = tuned.model.training, case .checkpoint = tuned.model.source { true } else { false }
    }

    func write(_ tuned: TunedModel, to folder: String) throws {
        guard case .checkpoint(let base) = tuned.model.source else { return }
        try ModelExport.writeMerged(tuned.model, base: base, trained: tuned.numbers, to: folder)
        try tuned.withoutQuantization(if: tuned.dequantisesBase).writeCompanions(to: folder)
    }
}
