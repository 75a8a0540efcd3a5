import Tensors

/// Where trained tensors lie: side by side in a few pages, so that the optimizer runs once a page
/// and not once a tensor.
///
/// Parameters, gradients and each state of the optimizer have pages of the same layout. Parameters
/// with and without weight decay, and with different rates, are on different pages. Every tensor
/// begins at a multiple of 64 elements; the gaps stay zero.
package struct TrainableLayout: Sendable {
    package struct Parameter: Sendable, Hashable {
        package var key: String
        package var rows: Int
        package var columns: Int
        package var isDecayed: Bool
        /// Whether it is a matrix inside of the layers: not a vector, an embedding or a head.
        package var isHiddenMatrix: Bool
        /// Its learning rate over that of the step.
        package var rateFactor: Double
        /// Whether files have it with one axis.
        package var isVector: Bool
        /// Whether files have it the other way round.
        package var isTurned: Bool

        package init(
            key: String, rows: Int, columns: Int, isDecayed: Bool, isHiddenMatrix: Bool = true, rateFactor: Double = 1,
            isVector: Bool = false,
            isTurned: Bool = false
        ) {
            self.key = key
            self.rows = rows
            self.columns = columns
            self.isDecayed = isDecayed
            self.isHiddenMatrix = isHiddenMatrix
            self.rateFactor = rateFactor
            self.isVector = isVector
            self.isTurned = isTurned
        }

        /// As files have it.
        package var shape: [Int] { isVector ? [columns] : isTurned ? [columns, rows] : [rows, columns] }

        /// Numbers that are in memory, as files have them.
        package func stored(_ numbers: [Float]) -> [Float] { isTurned ? Self.turned(numbers, rows: rows) : numbers }

        /// Numbers of a file as memory has them.
        package func held(_ numbers: [Float]) -> [Float] { isTurned ? Self.turned(numbers, rows: columns) : numbers }

        private static func turned(_ matrix: [Float], rows: Int) -> [Float] {
            guard rows > 0 else { return matrix }
            let columns = matrix.count / rows
            return (0..<matrix.count).map { matrix[($0 % rows) * columns + $0 / rows] }
        }
    }
    package struct Page: Sendable, Hashable {
        /// For example `page0`; with a kind before it the key of a persistent tensor.
        package var name: String
        package var rows: Int
        package var columns: Int
        package var isDecayed: Bool
        package var rateFactor = 1.0
        /// Of a page that one tensor has to itself; false for others.
        package var isHiddenMatrix = false
    }
    /// Parameters of one shape that lie one below the other, so that kernels can take them as one:
    /// the same matrix of all experts of a layer.
    package struct Stack: Sendable, Hashable {
        package var key: String
        /// The keys of the parameters, in their order.
        package var members: [String]

        package init(key: String, members: [String]) {
            self.key = key
            self.members = members
        }
    }
    package private(set) var parameters: [Parameter]
    package private(set) var stacks: [Stack] = []
    package private(set) var pages: [Page] = []
    private var places: [String: (page: Int, elementOffset: Int)] = [:]
    private var indices: [String: Int] = [:]
    private var stackIndices: [String: Int] = [:]

    static let alignment = 64
    static let pageColumns = 256

    /// What a page may take so that as many processes as there are lanes can have about as many
    /// bytes each: a quarter of what one has. It follows from lanes and not from processes, since
    /// the norm's rounding follows from pages.
    package static func pageByteLimit(_ limit: Int, for parameters: [Parameter], laneCount: Int) -> Int {
        guard laneCount > 1 else { return limit }
        let byteCount = parameters.reduce(0) { $0 + 4 * $1.rows * $1.columns }
        return min(limit, max(64 << 10, byteCount / (4 * laneCount)))
    }

    /// Puts the parameters on pages of at most `pageByteLimit` bytes, in their order; a larger
    /// parameter has a page of its own shape. The members of a stack are placed where its first one
    /// stands; what has a page of its own is the whole stack.
    package init(_ parameters: [Parameter], stacks: [Stack] = [], pageByteLimit: Int = 64 << 20) {
        self.parameters = parameters
        for (index, parameter) in parameters.enumerated() where indices[parameter.key] == nil { indices[parameter.key] = index }
        var stackOf: [String: Int] = [:]
        for stack in stacks where stack.members.allSatisfy({ indices[$0] != nil }) && stackIndices[stack.key] == nil {
            stackIndices[stack.key] = self.stacks.count
            for member in stack.members { stackOf[member] = self.stacks.count }
            self.stacks.append(stack)
        }
        let elementLimit = max(1, pageByteLimit / 4)
        for group in Self.groups(parameters) {
            var fill = 0
            func close(_ pages: inout [Page]) {
                guard fill > 0 else { return }
                let rows = (fill + Self.pageColumns - 1) / Self.pageColumns
                pages.append(
                    Page(
                        name: "page\(pages.count)", rows: rows, columns: Self.pageColumns, isDecayed: group.isDecayed,
                        rateFactor: group.rateFactor))
                fill = 0
            }
            var waiting: [(key: String, offset: Int)] = []
            func settle(_ places: inout [String: (page: Int, elementOffset: Int)], _ page: Int) {
                for entry in waiting { places[entry.key] = (page, entry.offset) }
                waiting = []
            }
            for parameter in parameters where Group(parameter) == group {
                let members = stackOf[parameter.key].map { self.stacks[$0].members } ?? [parameter.key]
                guard members.first == parameter.key else { continue }
                let size = parameter.rows * parameter.columns
                let count = size * members.count
                let padded = (count + Self.alignment - 1) / Self.alignment * Self.alignment
                if fill > 0, fill + padded > elementLimit {
                    settle(&places, pages.count)
                    close(&pages)
                }
                if padded > elementLimit {
                    for (index, member) in members.enumerated() { places[member] = (pages.count, index * size) }
                    pages.append(
                        Page(
                            name: "page\(pages.count)", rows: members.count * parameter.rows, columns: parameter.columns,
                            isDecayed: group.isDecayed,
                            rateFactor: group.rateFactor, isHiddenMatrix: parameter.isHiddenMatrix))
                    continue
                }
                for (index, member) in members.enumerated() { waiting.append((member, fill + index * size)) }
                fill += padded
            }
            settle(&places, pages.count)
            close(&pages)
        }
    }

    /// What parameters of a page have in common.
    private struct Group: Hashable {
        var isDecayed: Bool
        var rateFactor: Double

        init(_ parameter: Parameter) { (isDecayed, rateFactor) = (parameter.isDecayed, parameter.rateFactor) }
    }

    /// Those that decay first, by their rates.
    private static func groups(_ parameters: [Parameter]) -> [Group] {
        Set(parameters.map { Group($0) }).sorted { ($0.isDecayed ? 0 : 1, $0.rateFactor) < ($1.isDecayed ? 0 : 1, $1.rateFactor) }
    }

    /// The factors of the learning rate that parameters have, the smallest first.
    package var rateFactors: [Double] { Set(pages.map(\.rateFactor)).sorted() }

    /// The persistent tensor that holds a page's numbers of this kind; nil where there are none.
    package func tensor(of page: Page, _ kind: PersistentTensor.Kind) -> PersistentTensor? {
        var shape = StateShape.asParameter
        if case .state(_, let own) = kind { shape = own }
        return shape.type(rows: page.rows, columns: page.columns, isHiddenMatrix: page.isHiddenMatrix).map {
            PersistentTensor(key: "\(kind.prefix)/\(page.name)", type: $0, kind: kind)
        }
    }

    /// The persistent tensor of one parameter: the parameter itself under its own key, its gradient
    /// or a state under `kind/key`. Nil if no such parameter is trained, or nothing of this kind is
    /// kept for it.
    package func tensor(of key: String, _ kind: PersistentTensor.Kind) -> PersistentTensor? {
        let stack = stackIndices[key].map { stacks[$0] }
        let first = stack?.members.first ?? key
        guard let place = places[first], let index = indices[first] else { return nil }
        let parameter = parameters[index]
        let page = pages[place.page]
        var shape = StateShape.asParameter
        if case .state(_, let own) = kind { shape = own }
        let rows = parameter.rows * (stack?.members.count ?? 1)
        guard let type = shape.type(rows: rows, columns: parameter.columns, isHiddenMatrix: page.isHiddenMatrix) else { return nil }
        var offset = place.elementOffset
        if offset > 0, shape != .asParameter, shape != .asParameterOfOthers {
            // A member of a stack on a page of its own: other states have as many rows, of other
            // lengths; what all rows have in common is the whole stack's.
            offset = shape == .columns ? 0 : offset / max(1, parameter.columns) * type.columns
        }
        return PersistentTensor(
            key: kind == .parameter ? key : "\(kind.prefix)/\(key)", type: type, kind: kind,
            page: .init(key: "\(kind.prefix)/\(page.name)", elementOffset: offset))
    }

    /// The place among ``pages`` of the one on which a parameter lies, or a stack of them.
    package func page(of key: String) -> Int? { places[stackIndices[key].flatMap { stacks[$0].members.first } ?? key]?.page }

    /// All pages of these kinds, as the persistent layout needs them.
    package func pageTensors(_ kinds: [PersistentTensor.Kind]) -> [PersistentTensor] {
        kinds.flatMap { kind in pages.compactMap { tensor(of: $0, kind) } }
    }

    package var elementCount: Int { parameters.reduce(0) { $0 + $1.rows * $1.columns } }

    /// Bytes of what is kept of these kinds.
    package func byteCount(_ kinds: [PersistentTensor.Kind]) -> Int {
        kinds.reduce(0) { sum, kind in sum + parameters.reduce(0) { $0 + (tensor(of: $1.key, kind)?.type.byteCount ?? 0) } }
    }
}
