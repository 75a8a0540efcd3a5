/// One reader of what comes from outside, with good inputs to begin from.
///
/// Reading an input may refuse it; it must not crash, hang or take room without bound. ``run``
/// tells where a promise of the reader is broken, such as that what was read and written again is
/// read as the same.
package struct FuzzTarget: Sendable {
    package var name: String
    /// Good and bad inputs, small ones.
    package var seeds: [[UInt8]]
    /// Files of the reference data that are inputs too: folders below a set's own, and how the
    /// names end.
    package var folders: [(path: String, suffix: String)]
    package var words: [String]
    package var byteLimit: Int
    /// What inputs are, so that many of the changed ones still are.
    package enum Structure: Sendable { case bytes, json, template }
    package var structure: Structure
    /// Whether the first part of the reader takes an input, where there is a part behind it: most
    /// changed inputs should get that far.
    package var accepts: (@Sendable ([UInt8]) -> Bool)?
    /// What is wrong with what an input made of the reader; nil if nothing is.
    package var run: @Sendable ([UInt8]) -> String?

    init(
        _ name: String, seeds: [String], folders: [(path: String, suffix: String)] = [], words: [String] = [], byteLimit: Int = 4096,
        structure: Structure = .bytes,
        run: @escaping @Sendable ([UInt8]) -> String?
    ) {
        self.name = name
        self.seeds = seeds.map { Array($0.utf8) }
        self.folders = folders
        self.words = words
        self.byteLimit = byteLimit
        self.structure = structure
        self.run = run
    }

    /// Inputs out of the seeds and the reference data.
    package func mutator(seed: UInt64) -> Mutator {
        Mutator(seeds: seeds + ReferenceData.inputs(of: self), words: words, byteLimit: byteLimit, structure: structure, seed: seed)
    }

    package static let all: [FuzzTarget] = [
        json, line, dataset, tokenizer, template, manifestJSON, manifestYAML, safetensors, modelConfiguration, adapterConfiguration, status,
        events, metrics, chatRequest, completionRequest, responsesRequest, schema, calls, multipart, frames, deployment, blockList, gguf,
        ggufModel, importance,
    ]
}
