import Graph

extension AttentionBackward: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let (queries, keys) = (inputs[0].rows, inputs[1].rows)
        let queryTiling = AttentionTiling(headWidth: shape.headWidth, resultCount: 1, device)
        let keyTiling = AttentionTiling(headWidth: shape.headWidth, resultCount: 2, device)
        var queryDefinitions = queryTiling.definitions(shape)
        queryDefinitions["FOR_QUERIES"] = 1
        let (queryBlocks, keyBlocks) = (queryTiling.blocks(queries), keyTiling.blocks(keys))
        let numbers = [shape.scale.word, shape.softCap.word]
        return [
            Dispatch(
                "attention_backward", reads: Array(inputs.prefix(7)), writes: [outputs[0]], definitions: queryDefinitions,
                specialization: [],
                parameters: [queries.word, keys.word, queryBlocks.word] + numbers, groupCount: queryBlocks * shape.headCount),
            Dispatch(
                "attention_backward", reads: inputs, writes: Array(outputs.dropFirst()), definitions: keyTiling.definitions(shape),
                specialization: [],
                parameters: [queries.word, keys.word, keyBlocks.word] + numbers, groupCount: keyBlocks * shape.keyValueHeadCount),
        ]
    }
}
