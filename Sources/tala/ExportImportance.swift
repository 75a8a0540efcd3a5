import ArgumentParser
import CommandLineTools
import Datasets
import Devices
import Export
import GGUF
import GGUFModels
import Graph
import Manifest
import Models
import Preparation
import Storage
import Tensors
import Tokenization
import Training

/// Where the importance matrix of an export comes from: texts that are run through the model, or a
/// file of llama.cpp.
struct ImportanceOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Of a quantised type: choose the blocks by an importance matrix. training is the job's own training data; else a data file that is run "
                + "through the model, or a file of llama-imatrix (.gguf).", valueName: "training|file"),
        completion: .file()) var imatrix: String?
    @Option(help: ArgumentHelp("Texts of the data that are run at most, spread over the file.", valueName: "count")) var imatrixTexts = 300
    @Option(
        help: ArgumentHelp("Write the importance matrix as llama-quantize reads it, too.", valueName: "file"), completion: .file())
    var saveImatrix: String?
    @Option(help: "The device on which the texts are run.") var device = "cpu"

    func validate() throws {
        guard (1...1_000_000).contains(imatrixTexts) else { throw ValidationError("--imatrix-texts is out of range") }
        if imatrix == nil, saveImatrix != nil { throw ValidationError("--save-imatrix is of an --imatrix") }
    }

    /// The tokens of a text that are looked at.
    private static let lengthLimit = 512

    /// - Parameter isSilent: whether it is not told how far it has come.
    /// - Throws: ``CommandFailure``, what is wrong with data or file.
    func matrix(of source: ExportSource, isSilent: Bool) throws -> ImportanceMatrix? {
        guard let imatrix else { return nil }
        let matrix: ImportanceMatrix
        if imatrix.lowercased().hasSuffix(".gguf") {
            guard FolderListing.leads(imatrix) else { throw CommandFailure(.notFound, "there is no file \(imatrix)") }
            matrix = try ImportanceFile.read(imatrix)
        } else {
            matrix = try counted(imatrix, source, isSilent)
        }
        if let saveImatrix { try matrix.save(to: saveImatrix) }
        return matrix
    }

    private func counted(_ word: String, _ source: ExportSource, _ isSilent: Bool) throws -> ImportanceMatrix {
        let data = try data(word, source)
        // As many as are wanted, spread over the file: data is often sorted.
        let count = min(imatrixTexts, data.dataset.count)
        let texts = (0..<count).flatMap { place in
            data.dataset.sample(place * data.dataset.count / count).runs.map(\.ids).filter { !$0.isEmpty }
        }
        guard !texts.isEmpty else { throw CommandFailure(.invalid, "\(data.path) holds no text") }
        let device = try Devices.make(device) { StandardError.write(plain("the processor stands in: \($0)") + "\n") }
        let model = try source.model(for: device, maximumLength: texts.map(\.count).max() ?? 1)
        let squares = try ActivationSquares(model, device: device, texts: texts)
        let progress = BenchProgress(isSilent: isSilent)
        try squares.run { done, total in
            progress.say("importance matrix: \(done) of \(total) tokens", atMostEvery: done == total ? 0 : 2)
        }
        let sums = try squares.result().mapValues { (squares: $0.squares, rowCount: $0.rowCount) }
        return try GGUFPlan.importance(
            sums, source.texts(), sources: [DurableFiles.split(data.path).name], pieceCount: squares.pieceCount,
            pieceLength: squares.pieceLength)
    }

    /// Reads the job's training data, or a file of any of the forms that training takes.
    private func data(_ word: String, _ source: ExportSource) throws -> (path: String, dataset: Dataset) {
        let encoder = try ChatEncoder(TokenizerTexts(source.model))
        let limit = min(Self.lengthLimit, source.positionLimit)
        var all: [DatasetOptions] = []
        var path = word
        if word == "training" {
            guard let (own, manifest) = source.training else {
                throw CommandFailure(.usage, "--imatrix training is of a job's result or checkpoint; name a data file")
            }
            path = own
            all = [PreparedData.options(manifest, try Objectives.of(manifest.method))]
        } else {
            all = [DatasetOptions(maximumLength: limit), DatasetOptions(purpose: .pretraining, maximumLength: limit)]
            all += [DatasetOptions(purpose: .pairs, maximumLength: limit)]
        }
        guard FolderListing.leads(path) else { throw CommandFailure(.notFound, "there is no file \(path)") }
        // What fits is found by reading: a record's form tells what it can be read for.
        var first: ValidationReport?
        for var options in all {
            (options.maximumLength, options.onExcess, options.positionLimit) = (limit, .truncate, limit)
            options.modelVocabularySize = source.vocabularySize
            let reader = DatasetReader(encoder: encoder, options: options, modelFolder: source.model.path)
            let bar = ReadingBar()
            defer { bar.clear() }
            let (dataset, report) = try reader.read(path, progress: { bar.show($0) })
            if let dataset, report.isValid { return (path, dataset) }
            first = first ?? report
        }
        throw PreparationError.invalidData(first.map { [$0] } ?? [])
    }
}
