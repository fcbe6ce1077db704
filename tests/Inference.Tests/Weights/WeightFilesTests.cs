using LlmService.Inference.Weights;

namespace LlmService.Inference.Tests.Weights;

public sealed class WeightFilesTests
{
    private static readonly string[] Xenova =
    [
        "config.json", "tokenizer.json", "onnx/encoder_model.onnx", "onnx/encoder_model_quantized.onnx", "onnx/encoder_model_fp16.onnx", "onnx/decoder_model_merged.onnx",
        "onnx/decoder_model_merged_quantized.onnx", "onnx/decoder_model_merged_fp16.onnx", "onnx/decoder_model.onnx", "onnx/decoder_with_past_model.onnx", "onnx/decoder_model_quantized.onnx",
        "onnx/decoder_with_past_model_quantized.onnx",
    ];

    [Fact]
    public void List_AllFormats_AreInTheOrderOfPreference()
    {
        IReadOnlyList<WeightChoice> found = WeightFiles.List(
            ["m.Q4_0.gguf", "m.Q8_0.gguf", "m-f16.gguf", "onnx/model.onnx", "onnx/model_q4.onnx", "onnx/model_quantized.onnx", "onnx/model.onnx_data", "pytorch_model.bin", "model.safetensors"]);

        Assert.Equal(
            ["safetensors", "PyTorch", "ONNX q8", "ONNX fp32", "ONNX q4", "GGUF f16", "GGUF q8_0", "GGUF q4_0"], found.Select(choice => choice.Name));
        Assert.Equal(["onnx/model.onnx", "onnx/model.onnx_data"], found[3].Files);
    }

    [Fact]
    public void List_XenovaT5_TakesEncoderAndMergedDecoderInEightBitsFirst()
    {
        WeightChoice first = WeightFiles.List(Xenova)[0];

        Assert.Equal((WeightFormat.Onnx, "q8"), (first.Format, first.Variant));
        Assert.Equal(["onnx/encoder_model_quantized.onnx", "onnx/decoder_model_merged_quantized.onnx"], first.Files);
    }

    [Fact]
    public void List_PlainDecoderPair_TakesTheOneThatHasAllWeights()
    {
        WeightChoice first = Assert.Single(WeightFiles.List(["onnx/encoder_model.onnx", "onnx/decoder_model.onnx", "onnx/decoder_with_past_model.onnx"]));

        Assert.Equal(["onnx/encoder_model.onnx", "onnx/decoder_model.onnx"], first.Files);
    }

    [Theory]
    [InlineData("model", "fp32")]
    [InlineData("fp32", "fp32")]
    [InlineData("q8", "q8")]
    [InlineData("Q8", "q8")]
    [InlineData("fp16", "fp16")]
    [InlineData("f16", "fp16")]
    [InlineData("int8", "q8")]
    [InlineData("f32", "fp32")]
    [InlineData("onnx", "q8")]
    [InlineData("onnx/decoder_model_merged_fp16.onnx", "fp16")]
    [InlineData("encoder_model.onnx", "fp32")]
    public void Matching_Word_FindsTheVariantFormatOrFile(string wanted, string variant) =>
        Assert.Equal(variant, WeightFiles.Matching(WeightFiles.List(Xenova), wanted)[0].Variant);

    [Theory]
    [InlineData("model", WeightFormat.Safetensors)]
    [InlineData("safetensors", WeightFormat.Safetensors)]
    [InlineData("pytorch", WeightFormat.PyTorch)]
    [InlineData("pytorch_model.bin.index.json", WeightFormat.PyTorch)]
    [InlineData("gguf", WeightFormat.Gguf)]
    [InlineData("q8", WeightFormat.Gguf)]
    [InlineData("a.Q8_0.gguf", WeightFormat.Gguf)]
    public void Matching_OfSeveralFormats_FindsTheRightOne(string wanted, WeightFormat format) =>
        Assert.Equal(format, WeightFiles.Matching(WeightFiles.List(["model.safetensors.index.json", "pytorch_model.bin.index.json", "a.Q8_0.gguf"]), wanted)[0].Format);

    [Theory]
    [InlineData("q4")]
    [InlineData("gguf")]
    [InlineData("../model.safetensors")]
    [InlineData("")]
    public void Matching_WhatIsNotThere_IsEmpty(string wanted) => Assert.Empty(WeightFiles.Matching(WeightFiles.List(Xenova), wanted));

    // Types that are not read, shards, projectors of images, and files of other folders.
    [Theory]
    [InlineData("m.Q4_K_M.gguf")]
    [InlineData("m-IQ3_XS.gguf")]
    [InlineData("m.TQ1_0.gguf")]
    [InlineData("m-00001-of-00002.gguf")]
    [InlineData("mmproj-f16.gguf")]
    [InlineData("sub/m.Q8_0.gguf")]
    [InlineData("adapter_model.safetensors")]
    [InlineData("optimizer.bin")]
    [InlineData("onnx/model_bnb4.onnx")]
    public void List_WhatCannotBeRead_IsNoChoice(string path) => Assert.Empty(WeightFiles.List([path]));

    [Theory]
    [InlineData("qwen2.5-0.5b-instruct-q8_0.gguf", "q8_0")]
    [InlineData("tinyllama.F16.gguf", "f16")]
    [InlineData("tinyllama-BF16.gguf", "bf16")]
    [InlineData("stories260K.gguf", "gguf")]
    [InlineData("qwen2_5-tiny.gguf", "gguf")]
    [InlineData("best-of-tiny.gguf", "gguf")]
    [InlineData("tiny-Q6_K.gguf", "q6_k")]
    public void Gguf_FileName_TellsTheVariant(string path, string variant) => Assert.Equal(variant, Assert.Single(WeightFiles.List([path])).Variant);
}
