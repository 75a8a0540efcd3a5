import Graph
import Models

/// The pages of trained tensors, of their gradients or of the optimizer's state, as they lie in a
/// session's memory.
enum TrainablePages {
    struct Page {
        var place: Placement
        var byteCount: Int
    }

    /// Those of these kinds, in the order of the layout.
    static func of(_ session: TrainingSession, _ kinds: [PersistentTensor.Kind]) -> [Page] {
        let places = session.persistent.layout.placements
        return session.programs.model.trainables.pageTensors(kinds).compactMap { tensor in
            places[tensor.key].map { Page(place: $0, byteCount: tensor.type.byteCount) }
        }
    }

    /// Reads one page after the other.
    static func each(_ pages: [Page], of session: TrainingSession, _ body: (Page, UnsafeMutableRawBufferPointer) throws -> Void) throws {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: pages.map(\.byteCount).max() ?? 0, alignment: 64)
        defer { memory.deallocate() }
        for page in pages {
            let bytes = UnsafeMutableRawBufferPointer(rebasing: memory.prefix(page.byteCount))
            try session.persistent.read(page.place, into: bytes)
            try body(page, bytes)
        }
    }
}
