extension TokenSampler {
    /// The token at a position of an answer that must have a form; nil where no token fits, which a
    /// vocabulary without some byte can bring about.
    func choose(
        _ logits: UnsafeMutableBufferPointer<Float>, position: Int, within answer: ConstrainedAnswer, ends: Set<Int32>
    ) -> Int32? {
        penalise(logits)
        answer.restrict(logits, ends: ends)
        while true {
            let token = draw(logits, position: position)
            guard logits[Int(token)] > -.infinity else { return nil }
            if ends.contains(token) || answer.admits(token) { return token }
            logits[Int(token)] = -.infinity
            for other in answer.refused(with: token) where Int(other) < logits.count { logits[Int(other)] = -.infinity }
        }
    }
}
