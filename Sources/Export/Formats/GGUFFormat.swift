import GGUF
import GGUFModels
import Models
import Storage
import Tensors

/// The whole model as one file for llama.cpp, Ollama and LM Studio, with a Modelfile beside it.
struct GGUFFormat: ResultFormat {
    let name = "gguf"
    let occasion = ResultOccasion.onRequest

    func fits(_ tuned: TunedModel) -> Bool { tuned.model.head == nil }

    func check(_ tuned: TunedModel) throws {
        if tuned.model.isUntied {
            throw GGUFError(
                "the adapter makes embedding and head two, which the base's file does not have: leave the form out, and export the "
                    + "merged model when the job is done (tala export result/merged --format gguf)")
        }
        _ = try plan(tuned, base(tuned))
    }

    func byteCount(_ tuned: TunedModel) -> Int { (try? plan(tuned, base(tuned)).byteCount) ?? 0 }

    func write(_ tuned: TunedModel, to folder: String) throws {
        let (weights, rows) = try self.weights(tuned, beside: folder)
        let plan = try plan(tuned, weights)
        let file = GGUFName.file(tuned.displayName, plan.mix)
        try GGUFExport.writeModel(plan, rows, to: folder + "/" + file)
        let texts = try GGUFTexts(tuned.folder, changed: tuned.changedTexts)
        let modelfile = Modelfile(texts, contextLength: tuned.contextLength).text(from: "./" + file)
        try TunedModel.write(Array(modelfile.utf8), to: folder + "/Modelfile")
    }

    /// The base's weights with the adapter; of a model that was trained as a whole what has just
    /// been written.
    private func weights(_ tuned: TunedModel, beside folder: String) throws -> (Checkpoint, StoredRows) {
        if case .adapter = tuned.model.training, case .checkpoint(let base) = tuned.model.source {
            let plain = PlainAdapter(tuned.model, numbers: tuned.numbers)
            return (base, try StoredRows(base, adding: plain.modules, copies: tuned.model.copies, numbers: plain.numbers))
        }
        let path = DurableFiles.split(folder).folder + "/" + WholeModelFormat().name
        let whole = tuned.model.separated(try Checkpoint(folder: path))
        return (whole, try StoredRows(whole))
    }

    private func base(_ tuned: TunedModel) -> Checkpoint? {
        if case .checkpoint(let base) = tuned.model.source { base } else { nil }
    }

    private func plan(_ tuned: TunedModel, _ checkpoint: Checkpoint?) throws -> GGUFPlan {
        let mix = try tuned.ggufType.map { word throws(GGUFError) in
            guard let mix = GGUFMix(rawValue: word) else { throw GGUFError("there is no type \(word)") }
            return mix
        }
        return try GGUFPlan(
            GGUFTexts(tuned.folder, changed: tuned.changedTexts), checkpoint, mix: mix, name: tuned.displayName)
    }
}
