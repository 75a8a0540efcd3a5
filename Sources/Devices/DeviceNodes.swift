import Glibc
import Storage

/// The nodes by which drivers reach graphics processors: they show that there is one, also where no
/// driver of Vulkan's offers it.
package struct DeviceNodes: Sendable {
    /// Beginnings of the nodes' paths, each followed by a number.
    private let beginnings: [String]

    package init(_ beginnings: [String] = ["/dev/dri/renderD", "/dev/nvidia"]) { self.beginnings = beginnings }

    /// The nodes that are there.
    package var present: [String] {
        beginnings.flatMap { beginning in
            let (folder, start) = DurableFiles.split(beginning)
            return ((try? FolderListing.names(in: folder)) ?? []).filter { name in
                let number = name.dropFirst(start.count)
                return name.hasPrefix(start) && !number.isEmpty && number.allSatisfy(\.isNumber)
            }.sorted().map { folder + "/" + $0 }
        }
    }

    /// Those of them that this process may not open, each with why.
    package var closed: [(path: String, reason: String)] {
        present.compactMap { path in
            access(path, R_OK | W_OK) == 0 ? nil : (path, String(cString: strerror(errno)))
        }
    }

    /// Why a machine with nodes may have no Vulkan device; nil where there are none.
    var complaint: String? {
        if let first = closed.first { return "\(first.path) is there, but may not be opened: \(first.reason)" }
        return present.first.map { "\($0) is there, but no Vulkan driver offers its device" }
    }
}
