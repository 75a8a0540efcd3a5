/// A binary heap in an array, the smallest value first.
enum MinimumHeap {
    /// Makes a heap of values in any order (Floyd 1964).
    static func order(_ heap: inout [UInt64]) {
        guard heap.count > 1 else { return }
        for parent in stride(from: heap.count / 2 - 1, through: 0, by: -1) { sink(parent, &heap) }
    }

    static func push(_ value: UInt64, _ heap: inout [UInt64]) {
        heap.append(value)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            if heap[parent] <= value { break }
            heap[child] = heap[parent]
            child = parent
        }
        heap[child] = value
    }

    static func pop(_ heap: inout [UInt64]) -> UInt64? {
        guard let top = heap.first else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            sink(0, &heap)
        }
        return top
    }

    private static func sink(_ start: Int, _ heap: inout [UInt64]) {
        heap.withUnsafeMutableBufferPointer { heap in
            let value = heap[start]
            var parent = start
            while true {
                var child = 2 * parent + 1
                guard child < heap.count else { break }
                if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
                if heap[child] >= value { break }
                heap[parent] = heap[child]
                parent = child
            }
            heap[parent] = value
        }
    }
}
