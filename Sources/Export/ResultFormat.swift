/// A form in which a finished job's result is written, a folder of `result/` each.
///
/// A format is one file and a line of ``ResultFormats/all``.
package protocol ResultFormat: Sendable {
    /// The folder in `result/`.
    var name: String { get }
    /// Whether a model that was trained in this way has such a form.
    func fits(_ tuned: TunedModel) -> Bool
    /// Writes the folder's files; the folder is there and empty.
    func write(_ tuned: TunedModel, to folder: String) throws
}

package enum ResultFormats {
    /// In the order in which they are written.
    package static let all: [any ResultFormat] = [AdapterFormat(), MergedFormat(), WholeModelFormat()]
}
