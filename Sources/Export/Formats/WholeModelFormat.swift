import Models

/// A model of which all weights were trained, as a Hugging Face folder: in the base's element
/// types, or in config.json's where there was no base.
struct WholeModelFormat: ResultFormat {
    let name = "model"
    let occasion = ResultOccasion.always

    func fits(_ tuned: TunedModel) -> Bool {
        if case .full = tuned.model.training { true } else { false }
    }

    func write(_ tuned: TunedModel, to folder: String) throws {
        if case .checkpoint(let base) = tuned.model.source {
            try ModelExport.writeMerged(tuned.model, base: base, trained: tuned.numbers, to: folder)
        } else {
            try ModelExport.writeTrained(
                tuned.model, trained: tuned.numbers, elementType: tuned.model.configuration.storedType, to: folder)
        }
        try tuned.writeCompanions(to: folder)
    }
}
