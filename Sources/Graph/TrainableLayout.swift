import Tensors

/// Where trained tensors lie: side by side in a few pages, so that the optimizer runs once a page
/// and not once a tensor.
///
/// Parameters, gradients and each state of the optimizer have pages of the same layout. Parameters
/// with and without weight decay are on different pages. Every tensor begins at a multiple of 64
/// elements; the gaps stay zero.
package struct TrainableLayout: Sendable {
    package struct Parameter: Sendable, Hashable {
        package var key: String
        package var rows: Int
        package var columns: Int
        package var isDecayed: Bool

        package init(key: String, rows: Int, columns: Int, isDecayed: Bool) {
            self.key = key
            self.rows = rows
            self.columns = columns
            self.isDecayed = isDecayed
        }
    }
    package struct Page: Sendable, Hashable {
        /// For example `page0`; with a kind before it the key of a persistent tensor.
        package var name: String
        package var rows: Int
        package var columns: Int
        package var isDecayed: Bool
    }
    package private(set) var parameters: [Parameter]
    package private(set) var pages: [Page] = []
    private var places: [String: (page: Int, elementOffset: Int)] = [:]
    private var indices: [String: Int] = [:]

    static let alignment = 64
    static let pageColumns = 256

    /// Puts the parameters on pages of at most `pageByteLimit` bytes, in their order; a larger
    /// parameter has a page of its own shape.
    package init(_ parameters: [Parameter], pageByteLimit: Int = 64 << 20) {
        self.parameters = parameters
        for (index, parameter) in parameters.enumerated() where indices[parameter.key] == nil { indices[parameter.key] = index }
        let elementLimit = max(1, pageByteLimit / 4)
        for isDecayed in [true, false] {
            var fill = 0
            func close(_ pages: inout [Page]) {
                guard fill > 0 else { return }
                let rows = (fill + Self.pageColumns - 1) / Self.pageColumns
                pages.append(Page(name: "page\(pages.count)", rows: rows, columns: Self.pageColumns, isDecayed: isDecayed))
                fill = 0
            }
            var waiting: [(key: String, offset: Int)] = []
            func settle(_ places: inout [String: (page: Int, elementOffset: Int)], _ page: Int) {
                for entry in waiting { places[entry.key] = (page, entry.offset) }
                waiting = []
            }
            for parameter in parameters where parameter.isDecayed == isDecayed {
                let count = parameter.rows * parameter.columns
                let padded = (count + Self.alignment - 1) / Self.alignment * Self.alignment
                if fill > 0, fill + padded > elementLimit {
                    settle(&places, pages.count)
                    close(&pages)
                }
                if padded > elementLimit {
                    places[parameter.key] = (pages.count, 0)
                    pages.append(Page(name: "page\(pages.count)", rows: parameter.rows, columns: parameter.columns, isDecayed: isDecayed))
                    continue
                }
                waiting.append((parameter.key, fill))
                fill += padded
            }
            settle(&places, pages.count)
            close(&pages)
        }
    }

    /// The persistent tensor that holds a page's numbers of this kind.
    package func tensor(of page: Page, _ kind: PersistentTensor.Kind) -> PersistentTensor {
        PersistentTensor(
            key: "\(kind.prefix)/\(page.name)", type: TensorType(rows: page.rows, columns: page.columns, .float32), kind: kind)
    }

    /// The persistent tensor of one parameter: the parameter itself under its own key, its gradient
    /// or a state under `kind/key`. Nil if no such parameter is trained.
    package func tensor(of key: String, _ kind: PersistentTensor.Kind) -> PersistentTensor? {
        guard let place = places[key], let index = indices[key] else { return nil }
        let parameter = parameters[index]
        let page = pages[place.page]
        return PersistentTensor(
            key: kind == .parameter ? key : "\(kind.prefix)/\(key)",
            type: TensorType(rows: parameter.rows, columns: parameter.columns, .float32), kind: kind,
            page: .init(key: "\(kind.prefix)/\(page.name)", elementOffset: place.elementOffset))
    }

    /// All pages of these kinds, as the persistent layout needs them.
    package func pageTensors(_ kinds: [PersistentTensor.Kind]) -> [PersistentTensor] {
        kinds.flatMap { kind in pages.map { tensor(of: $0, kind) } }
    }

    package var elementCount: Int { parameters.reduce(0) { $0 + $1.rows * $1.columns } }
}
