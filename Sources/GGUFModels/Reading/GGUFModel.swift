import JSON
import Quantization
import Storage
import Tensors

/// A model as it lies in a GGUF file, or in the parts of one: its configuration and tokenizer as
/// Hugging Face's files say the same, its tensors by the names that checkpoints have.
final class GGUFModel: Sendable {
    let files: [GGUFFile]
    let configuration: JSONNode
    let tokenizer: JSONNode
    let settings: JSONNode
    let generation: JSONNode
    let remarks: [String]
    private let form: GGUFForm
    private let tensors: [String: StoredTensor]

    /// - Parameter path: a file, or a folder with one.
    /// - Throws: ``GGUFFault``.
    init(path: String) throws(GGUFFault) {
        files = try Self.files(at: path)
        let first = files[0]
        let metadata = first.metadata
        let family = try Self.family(metadata)
        form = family.form
        let reader = try GGUFConfigurationReader(files, family)
        let tokens = try GGUFTokenizerReader(metadata, rows: reader.rows)
        configuration = try reader.configuration(begin: tokens.beginID(), end: tokens.endID())
        (tokenizer, settings, generation) = (try tokens.file(), try tokens.settings(), try tokens.generation())
        remarks = try reader.remarks()
        tensors = try Self.tensors(files, form, reader)
    }

    /// The tensors as a checkpoint has them, their numbers where they lie.
    var checkpoint: Checkpoint {
        let form = form
        return Checkpoint(
            folder: DurableFiles.split(files[0].path).folder, tensors: tensors, files: files.map(\.path), titles: { form.fileName($0) })
    }

    // MARK: Files

    private static func files(at path: String) throws(GGUFFault) -> [GGUFFile] {
        var file = path
        if FolderListing.isFolder(path) {
            let names = GGUFNames.models(in: path)
            guard names.count < 2 else {
                throw GGUFFault(path: path, "holds several models: \(names.joined(separator: ", ")); name the file that is meant")
            }
            guard let name = names.first else { throw GGUFFault(path: path, "holds no GGUF file") }
            file = path + "/" + name
        }
        let (folder, name) = DurableFiles.split(file)
        let first = try GGUFFile(path: file)
        let claimed = try first.metadata.integer("split.count", in: 0...99_999) ?? 1
        guard claimed > 1 else { return [first] }
        guard let part = GGUFNames.part(name), part.count == claimed else {
            throw first.metadata.fault(
                "split.count",
                "the file is one of \(claimed) parts, and its name does not say of which model: "
                    + "name it as it was, \(GGUFNames.name("NAME", 1, of: claimed)), beside the others")
        }
        var files: [GGUFFile] = []
        for number in 1...claimed {
            let other = folder + "/" + GGUFNames.name(part.base, number, of: claimed)
            let file: GGUFFile
            if number == part.number {
                file = first
            } else {
                guard FolderListing.leads(other) else {
                    throw first.metadata.fault("split.count", "the file is one of \(claimed) parts, and \(other) is not there: download it")
                }
                file = try GGUFFile(path: other)
            }
            guard try file.metadata.integer("split.no", in: 0...99_999) == number - 1,
                try file.metadata.integer("split.count", in: 0...99_999) == claimed
            else { throw file.metadata.fault("split.no", "does not fit the file's name: the parts belong to different models") }
            files.append(file)
        }
        let found = files.reduce(0) { $0 + $1.tensors.count }
        if let total = try first.metadata.integer("split.tensors.count", in: 0...(1 << 30)), total != found {
            throw first.metadata.fault("split.tensors.count", "is \(total), and the parts hold \(found) tensors")
        }
        return files
    }

    private static func family(_ metadata: GGUFMetadata) throws(GGUFFault) -> any GGUFFamily.Type {
        if let kind = try metadata.text("general.type"), kind != "model" {
            throw metadata.fault(
                "general.type",
                kind == "adapter"
                    ? "the file is an adapter: name the model that it belongs to, and give the adapter as a PEFT folder"
                    : "is \"\(GGUFFault.shown(kind))\", not model")
        }
        guard let architecture = try metadata.text("general.architecture") else {
            throw metadata.fault("general.architecture", "is missing")
        }
        guard let family = try GGUFFamilies.family(of: architecture, metadata) else {
            let known = Set(GGUFFamilies.all.map { $0.form.name }).sorted()
            throw metadata.fault(
                "general.architecture",
                "\"\(GGUFFault.shown(architecture))\" is not read from GGUF files; \(known.joined(separator: ", ")) are")
        }
        return family
    }

    // MARK: Tensors

    private static func tensors(
        _ files: [GGUFFile], _ form: GGUFForm, _ reader: GGUFConfigurationReader
    ) throws(GGUFFault) -> [String: StoredTensor] {
        var found: [String: StoredTensor] = [:]
        for file in files {
            // invariant: a file that was opened by its path is mapped.
            guard let mapped = file.file else { continue }
            for tensor in file.tensors where !GGUFConfigurationReader.rotaryNames.contains(tensor.name) {
                func fault(_ message: String) -> GGUFFault {
                    GGUFFault(path: file.path, field: GGUFFault.shown(tensor.name), message)
                }
                if let names = form.expertNames(tensor.name, layers: reader.layers, count: reader.experts) {
                    for piece in try experts(tensor, names, mapped, fault) {
                        guard found.updateValue(piece, forKey: piece.name) == nil else { throw fault("stands in two parts") }
                    }
                    continue
                }
                guard let name = form.checkpointName(tensor.name, layers: reader.layers) else {
                    throw fault("is no tensor that models of the architecture \(form.name) have here")
                }
                guard found[name] == nil else { throw fault("stands in two parts") }
                // Vectors may be written with a second axis of one.
                let shape = tensor.shape.count > 1 && tensor.name.hasSuffix(".bias") ? tensor.shape.filter { $0 > 1 } : tensor.shape
                let (type, blocks) = try numbers(tensor, fault)
                let title = String(tensor.name.split(separator: ".").dropLast().last ?? "")
                let change = form.change(title, heads: reader.heads, keyHeads: reader.keyHeads)
                let rows = shape.first ?? 1
                var place: (@Sendable (Int) -> Int)?
                if change != .none, change != .addOne { place = { change.place(ofRow: $0, rows: rows) } }
                let stored = StoredTensor(
                    name: name, shape: shape, elementType: type, bytes: UnsafeRawBufferPointer(rebasing: mapped.bytes[tensor.place]),
                    file: mapped, blocks: blocks, rowPlace: place, offset: change == .addOne ? -1 : 0)
                let isTurned = form.turned.contains(title) && tensor.name.hasSuffix(".weight")
                found[name] = isTurned ? stored.turned(named: name) ?? stored : stored
            }
        }
        return found
    }

    /// The matrices of a layer's experts, which lie one behind the other.
    private static func experts(
        _ tensor: GGUFFile.Tensor, _ names: [String], _ mapped: MappedFile, _ fault: (String) -> GGUFFault
    ) throws(GGUFFault) -> [StoredTensor] {
        let isBias = tensor.name.hasSuffix(".bias")
        guard tensor.shape.count == (isBias ? 2 : 3), tensor.shape[0] == names.count else {
            throw fault("has the shape \(tensor.shape), and \(names.count) experts have a \(isBias ? "vector" : "matrix") each")
        }
        let (type, blocks) = try numbers(tensor, fault)
        let whole = StoredTensor(
            name: tensor.name, shape: tensor.shape, elementType: type,
            bytes: UnsafeRawBufferPointer(rebasing: mapped.bytes[tensor.place]), file: mapped, blocks: blocks)
        if isBias {
            let count = tensor.shape[1]
            guard blocks == nil else { throw fault("is stored as \(tensor.type.name), and biases are numbers") }
            return names.enumerated().map { index, name in
                var piece = whole.rows(index..<index + 1, count, named: name)
                piece.shape = [count]
                return piece
            }
        }
        let (rows, columns) = (tensor.shape[1], tensor.shape[2])
        return names.enumerated().map { whole.rows($0 * rows..<($0 + 1) * rows, columns, named: $1) }
    }

    /// How a tensor's numbers are read.
    private static func numbers(
        _ tensor: GGUFFile.Tensor, _ fault: (String) -> GGUFFault
    ) throws(GGUFFault) -> (ElementType, (any StoredBlocks)?) {
        switch tensor.type.name {
        case "F32": return (.float32, nil)
        case "F16": return (.float16, nil)
        case "BF16": return (.bfloat16, nil)
        default:
            guard let format = BlockFormat(number: tensor.type.number) else {
                let known = BlockFormat.allCases.map { $0.rawValue.uppercased() }.joined(separator: ", ")
                throw fault("is stored as \(tensor.type.name), which is not read; F32, F16, BF16, \(known) are")
            }
            return (.bfloat16, format)
        }
    }
}

extension BlockFormat: StoredBlocks {
    package var word: String { rawValue }
}
