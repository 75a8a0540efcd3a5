import GGUFModels
import Models
import Tensors

/// The adapter as one file, which llama.cpp puts on the base model's file.
struct GGUFAdapterFormat: ResultFormat {
    let name = "gguf-adapter"
    let occasion = ResultOccasion.onRequest

    func fits(_ tuned: TunedModel) -> Bool {
        if case .adapter = tuned.model.training { tuned.model.head == nil } else { false }
    }

    func check(_ tuned: TunedModel) throws {
        try GGUFExport.requirePlain(tuned.model)
        let architecture = try GGUFArchitecture(GGUFTexts(tuned.folder).configuration)
        _ = try GGUFExport.adapterTargets(tuned.model.adapters, architecture)
    }

    func write(_ tuned: TunedModel, to folder: String) throws {
        let plain = PlainAdapter(tuned.model) { try tuned.numbers($0) }
        try GGUFExport.writeAdapter(
            plain.modules, numbers: { try plain.numbers($0) }, base: GGUFTexts(tuned.folder), name: tuned.displayName,
            to: folder + "/adapter.gguf")
    }
}
