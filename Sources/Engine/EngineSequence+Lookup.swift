extension EngineSequence {
    /// Tokens that a guess goes by: the longer first.
    private static let wordLengths = [4, 3, 2]

    /// What may come next: what followed the last time that the text had its last tokens (Saxena
    /// 2023, prompt lookup decoding).
    /// - Parameter room: tokens at most, besides what the request allows.
    func guesses(_ room: Int) -> ArraySlice<Int32> {
        let most = min(room, request.lookup)
        guard most > 0 else { return [] }
        for length in Self.wordLengths where tokens.count > length {
            let last = tokens[(tokens.count - length)...]
            var start = tokens.count - length - 1
            while start >= 0 {
                if tokens[start] == last[last.startIndex], tokens[start..<start + length].elementsEqual(last) {
                    let first = start + length
                    return tokens[first..<min(tokens.count, first + most)]
                }
                start -= 1
            }
        }
        return []
    }
}
