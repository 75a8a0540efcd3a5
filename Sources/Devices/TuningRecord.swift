package import Graph
import JSON
import Storage

/// `tuning.json` in a job's folder: the variants of kernels that the job computes with. A resumed
/// run takes the same, so that its bytes stay the same.
package struct TuningRecord {
    package let path: String
    private var written: [String: String] = [:]

    package init(folder: String) { path = folder + "/tuning.json" }

    /// Has the device use what is recorded, if it was recorded on this kind of device.
    /// - Returns: what is wrong with the file, if it is damaged; the job then goes on with what is
    ///   measured now.
    package mutating func adopt(on device: any ComputeDevice) -> String? {
        guard let bytes = try? DurableFiles.read(path, limit: 4 << 20) else { return nil }
        do throws(JSONError) {
            let node = try JSONParser().parse(bytes)
            guard node["device"]?.string == device.name else { return nil }
            for member in node["variants"]?.object ?? [] { if let text = member.node.string { written[member.key] = text } }
        } catch {
            return "\(path) is damaged (\(error)); variants of kernels are measured anew"
        }
        Devices.adopt(tuning: written, on: device)
        return nil
    }

    /// Writes what the device uses now, if that is not written yet. Called before a checkpoint,
    /// whose bytes depend on it.
    package mutating func write(_ device: any ComputeDevice) throws {
        guard let tuning = Devices.tuning(of: device), !tuning.isEmpty, tuning != written else { return }
        let variants = tuning.sorted { $0.key < $1.key }.map { JSONMember($0.key, JSONNode($0.value)) }
        let node: JSONNode = ["device": JSONNode(device.name), "variants": JSONNode(variants)]
        try DurableFiles.replace(path, with: JSONWriter(isIndented: true).string(node) + "\n")
        written = tuning
    }
}
