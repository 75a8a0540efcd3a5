extension ModelConfiguration {
    /// Refuses token ids for which the embedding has no row. Every place where a tokenizer and a
    /// model meet asks here: a row that does not exist would be read as whatever lies there.
    /// - Parameters:
    ///   - ids: the ids that may come to the model; of a whole tokenizer, its ids in all.
    ///   - file: where they come from, for the message.
    /// - Throws: ``ModelError`` naming the id and the vocabulary's size.
    package func requireEmbedding(of ids: some Sequence<Int>, from file: String) throws(ModelError) {
        for id in ids where id < 0 || id >= vocabularySize {
            throw ModelError(
                file: file, "has the token id \(id), and config.json's vocab_size is \(vocabularySize): the model has no row for it")
        }
    }
}
