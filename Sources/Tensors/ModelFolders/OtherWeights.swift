import Storage

/// Files of weights in a Hugging Face folder that are not read: other forms, other names, downloads
/// that did not end.
///
/// Beside such a file nobody means to begin with random numbers, so it has to be said what is there
/// and how it becomes readable.
enum OtherWeights {
    /// How the names of files of weights end, beside safetensors and `.bin`.
    private static let endings = [
        ".gguf", ".ggml", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".npz", ".onnx", ".ot", ".pkl", ".pickle", ".tflite", ".nemo",
        ".distcp", ".pdparams", ".mlmodel", ".params", ".t7", ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.xz", ".zip", ".7z",
    ]
    /// What trainers and tokenizers leave beside weights.
    private static let harmless = [
        "training_args", "tokenizer", "optimizer", "scheduler", "scaler", "rng_state", "random_states", "sampler",
    ]

    private static func isWeights(_ name: String) -> Bool {
        let name = name.lowercased()
        if harmless.contains(where: name.hasPrefix) { return false }
        return name.contains(".safetensors") || name.hasSuffix(".bin") || name.contains(".bin.") || endings.contains { name.hasSuffix($0) }
    }

    /// Their paths below the folder, in the folder itself and in folders in it, sorted.
    static func names(in folder: String) throws(StorageError) -> [String] {
        var found: [String] = []
        for name in try FolderListing.names(in: folder) where !name.hasPrefix(".") {
            if FolderListing.isFolder(folder + "/" + name) {
                found += try FolderListing.names(in: folder + "/" + name).filter(isWeights).map { name + "/" + $0 }
            } else if isWeights(name) {
                found.append(name)
            }
        }
        return found
    }

    /// How weights of these names become readable; nil if there are none.
    static func advice(_ names: [String], in folder: String) -> String? {
        guard let first = names.first else { return nil }
        func any(_ test: (String) -> Bool) -> String? { names.first { test($0.lowercased()) } }
        let unfinished = [".incomplete", ".part", ".crdownload", ".aria2", ".tmp", ".download"]
        if let name = any({ name in unfinished.contains { name.hasSuffix($0) } }) { return "\(name) is a download that did not end" }
        if let name = names.first(where: { $0 == "model.safetensors" || $0 == "model.safetensors.index.json" }) {
            return "\(name) is a link that leads nowhere: download the model again"
        }
        if let name = any({ name in [".tar", ".gz", ".tgz", ".zst", ".xz", ".zip", ".7z"].contains { name.hasSuffix($0) } }) {
            return "\(name) is an archive: unpack it"
        }
        if let name = any({ $0.hasSuffix(".index.json") }), names.count == 1 {
            return "\(name) names files that are not there: download them"
        }
        let quoted = "'" + folder.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
        func convert(_ more: String = "") -> String {
            "python3 -c \"import sys; from transformers import AutoModelForCausalLM as M; "
                + "M.from_pretrained(sys.argv[1]\(more), dtype='auto').save_pretrained(sys.argv[1])\" \(quoted)"
        }
        if any({ $0.contains("-of-") && $0.hasSuffix(".safetensors") }) != nil {
            return "the shards lack their index, model.safetensors.index.json: download it, or join them with: "
                + "python3 -c \"import sys, glob, safetensors.torch as s; t = {}; "
                + "[t.update(s.load_file(f)) for f in sorted(glob.glob(sys.argv[1] + '/*-of-*.safetensors'))]; "
                + "s.save_file(t, sys.argv[1] + '/model.safetensors', {'format': 'pt'})\" \(quoted)"
        }
        if any({ $0.split(separator: "/").last?.hasPrefix("consolidated") == true }) != nil {
            return "consolidated files have the tensor names of the model's authors: download the model in Hugging Face's form "
                + "(model.safetensors and config.json)"
        }
        if let name = any({ $0.split(separator: "/").last?.hasPrefix("adapter_model") == true }) {
            return "\(name) is an adapter, not a model: name its base model as model, and the adapter as adapter.init_from"
        }
        if let name = any({ $0.hasSuffix(".gguf") }) { return "convert it with: " + convert(", gguf_file='\(name)'") }
        if let name = any({ $0.hasSuffix(".safetensors") && !$0.contains("/") }) {
            return "if they are the model's weights, rename \(name) to model.safetensors"
        }
        if any({ $0.hasPrefix("pytorch_model") && $0.contains(".bin") }) != nil { return "convert them with: " + convert() }
        return "write \(first) as model.safetensors with the tool that made it; where transformers can load the folder: " + convert()
    }
}
