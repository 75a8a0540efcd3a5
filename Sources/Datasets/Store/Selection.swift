/// Some of the numbers below a count, in their order: a bit for each and a sum for every 512, so
/// that ten million take a megabyte and a half.
struct Selection: Sendable {
    private var words: [UInt64]
    /// Selected numbers before each block of eight words.
    private var sums: [Int] = []
    private(set) var count = 0

    init(of total: Int, where isSelected: (Int) -> Bool) {
        words = Array(repeating: 0, count: (total + 63) / 64)
        for number in 0..<total where isSelected(number) { words[number / 64] |= 1 << UInt64(number % 64) }
        for block in stride(from: 0, to: words.count, by: 8) {
            sums.append(count)
            for word in words[block..<min(block + 8, words.count)] { count += word.nonzeroBitCount }
        }
    }

    /// The selected number at a place below `count`.
    func number(at place: Int) -> Int {
        var (low, high) = (0, sums.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if sums[middle] <= place { low = middle } else { high = middle }
        }
        var rest = place - sums[low]
        for index in (low * 8)..<min(low * 8 + 8, words.count) {
            let ones = words[index].nonzeroBitCount
            if rest < ones {
                var word = words[index]
                for _ in 0..<rest { word &= word - 1 }
                return index * 64 + word.trailingZeroBitCount
            }
            rest -= ones
        }
        return 0
    }
}
