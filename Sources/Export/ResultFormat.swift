package import Models

/// A form in which a finished job's result is written, a folder of `result/` each.
///
/// A format is one file and a line of ``ResultFormats/all``.
package protocol ResultFormat: Sendable {
    /// The folder in `result/`, and the word in a manifest.
    var name: String { get }
    /// When it is written.
    var occasion: ResultOccasion { get }
    /// Whether a model that was trained in this way has such a form.
    func fits(_ tuned: TunedModel) -> Bool
    /// - Throws: why this model cannot be written so; asked before anything is trained.
    func check(_ tuned: TunedModel) throws
    /// About how many bytes it has beside what the base model and a checkpoint have.
    func byteCount(_ tuned: TunedModel) -> Int
    /// Writes the folder's files; the folder is there and empty, and those of the formats before
    /// are there.
    func write(_ tuned: TunedModel, to folder: String) throws
}

/// When a form is written.
package enum ResultOccasion: Sendable {
    /// Whatever the manifest says: what was trained, by which a result is checked and used again.
    case always
    /// Where the manifest names no forms, or this one.
    case byDefault
    /// Where the manifest names it.
    case onRequest
}

extension ResultFormat {
    package var occasion: ResultOccasion { .byDefault }
    package func check(_ tuned: TunedModel) throws {}
    package func byteCount(_ tuned: TunedModel) -> Int { 0 }
}

package enum ResultFormats {
    /// In the order in which they are written.
    package static let all: [any ResultFormat] = [
        AdapterFormat(), MergedFormat(), WholeModelFormat(), GGUFFormat(), GGUFAdapterFormat(),
    ]

    /// The forms that a result has.
    package static func chosen(for tuned: TunedModel) -> [any ResultFormat] {
        all.filter { format in
            guard format.fits(tuned) else { return false }
            return switch format.occasion {
            case .always: true
            case .byDefault: tuned.formats.isEmpty || tuned.formats.contains(format.name)
            case .onRequest: tuned.formats.contains(format.name)
            }
        }
    }

    /// Whether the forms that the manifest names can be written.
    /// - Throws: ``ModelError`` with the manifest's key.
    package static func check(_ tuned: TunedModel) throws(ModelError) {
        let chosen = chosen(for: tuned)
        for name in tuned.formats where !chosen.contains(where: { $0.name == name }) {
            throw ModelError(
                file: "manifest", field: "result.formats",
                tuned.model.head != nil
                    ? "\(name) cannot hold a classifier: leave it out"
                    : "\(name) is for adapters, and this job trains all weights: leave it out; result/model is written always")
        }
        for format in chosen {
            do { try format.check(tuned) } catch {
                throw ModelError(file: "manifest", field: "result.formats", "\(format.name) cannot be written: \(error)")
            }
        }
    }
}
