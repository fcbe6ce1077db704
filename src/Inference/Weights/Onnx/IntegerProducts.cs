namespace LlmService.Inference.Weights.Onnx;

/// <summary>
/// Products of bytes as ONNX Runtime's dynamic quantization writes them: <c>DynamicQuantizeLinear</c> of the input, <c>MatMulInteger</c>, a cast, and a
/// multiplication by the product of both scales.
/// </summary>
internal sealed class IntegerProducts(GraphIndex graph, WeightBuilder builder)
{
    private readonly ScalingReader _scalings = new(builder);

    public StoredTensor Read(string name, OnnxNode node)
    {
        StoredTensor matrix = builder.Matrix(name, graph.Constant(node.Input(1))!, false, node);
        if (matrix.Type is not (TensorType.I8 or TensorType.U8))
            throw builder.Unknown(node, $"multiplies by {TensorFormat.NameOf(matrix.Type)}");
        OnnxNode quantizer = graph.Producer(node.Input(0)) is { Operator: "DynamicQuantizeLinear" } producer && producer.Output(0) == node.Input(0) && producer.Output(2) == node.Input(2)
            ? producer
            : throw builder.Unknown(node, "has an input that DynamicQuantizeLinear did not make");
        OnnxTensor? zeroPoint = node.Input(3).Length == 0 ? null : graph.Constant(node.Input(3)) ?? throw builder.Unknown(node, "computes its zero points");
        return matrix with
        {
            QuantizesInput = true,
            Scaling = _scalings.Read(ScaleOf(node, quantizer), zeroPoint, matrix.Shape[0], matrix.Shape[1], byRow: true, node),
        };
    }

    private OnnxTensor ScaleOf(OnnxNode node, OnnxNode quantizer)
    {
        if (graph.Consumers(node.Output(0)) is [{ Operator: "Cast" } cast] && graph.Consumers(cast.Output(0)) is [{ Operator: "Mul" } product])
        {
            string factor = product.Input(0) == cast.Output(0) ? product.Input(1) : product.Input(0);
            if (graph.Producer(factor) is { Operator: "Mul" } scales && scales.Inputs.Contains(quantizer.Output(1))
                && graph.Constant(scales.Input(0) == quantizer.Output(1) ? scales.Input(1) : scales.Input(0)) is { } scale)
            {
                return scale;
            }
        }
        throw builder.Unknown(node, "is not followed by a multiplication with the scales of both sides");
    }
}
