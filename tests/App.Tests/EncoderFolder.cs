using System.Text.Json.Nodes;

namespace LlmService.App;

/// <summary>A temporary folder with the golden BERT, as an embedder or a ranker, and a tokenizer whose ids it knows.</summary>
internal sealed class EncoderFolder : IDisposable
{
    private const string Words = """
        {"version":"1.0","added_tokens":[
        {"id":1,"content":"[UNK]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
        {"id":2,"content":"[CLS]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
        {"id":3,"content":"[SEP]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],
        "normalizer":null,"pre_tokenizer":{"type":"Whitespace"},"post_processor":{"type":"BertProcessing","sep":["[SEP]",3],"cls":["[CLS]",2]},"decoder":null,
        "model":{"type":"WordLevel","unk_token":"[UNK]","vocab":{"[UNK]":1,"[CLS]":2,"[SEP]":3,"one":4,"a":5,"long":6,"text":7,"b":8,"other":9,"words":10,"here":11}}}
        """;

    private EncoderFolder() => File.WriteAllText(this["tokenizer.json"], Words);

    public string Folder { get; } = Directory.CreateTempSubdirectory("llm-service-test-").FullName;

    public string this[string name] => Path.Combine(Folder, name);

    /// <summary>A model that makes vectors of 32 numbers: means of length 1.</summary>
    public static EncoderFolder Embedder()
    {
        EncoderFolder folder = new();
        foreach (string file in new[] { "config.json", "model.safetensors" })
            File.Copy(TestData.Fixture("golden", "bert", file), folder[file]);
        return folder;
    }

    /// <summary>A model with a head of one score.</summary>
    public static EncoderFolder Ranker()
    {
        EncoderFolder folder = new();
        JsonNode config = JsonNode.Parse(File.ReadAllText(TestData.Fixture("golden", "bert", "config.json")))!;
        config["architectures"] = new JsonArray("BertForSequenceClassification");
        config["id2label"] = new JsonObject { ["0"] = "LABEL_0" };
        File.WriteAllText(folder["config.json"], config.ToJsonString());

        byte[] file = File.ReadAllBytes(TestData.Fixture("golden", "bert", "model.safetensors"));
        int length = (int)BitConverter.ToInt64(file);
        JsonNode header = JsonNode.Parse(file.AsSpan(8, length))!;
        int data = file.Length - 8 - length;
        byte[] weights = System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>([.. Enumerable.Range(0, 32).Select(i => MathF.Sin(i + 1)), 0.1f]).ToArray();
        header["classifier.weight"] = Tensor([1, 32], data, data + 128);
        header["classifier.bias"] = Tensor([1], data + 128, data + 132);
        byte[] text = System.Text.Encoding.UTF8.GetBytes(header.ToJsonString());
        File.WriteAllBytes(folder["model.safetensors"], [.. BitConverter.GetBytes((long)text.Length), .. text, .. file[(8 + length)..], .. weights]);
        return folder;
    }

    /// <summary>Writes a file, in a folder of its own where it has one.</summary>
    public EncoderFolder Write(string name, string content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(this[name])!);
        File.WriteAllText(this[name], content);
        return this;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static JsonObject Tensor(int[] shape, int start, int end) =>
        new() { ["dtype"] = "F32", ["shape"] = new JsonArray([.. shape.Select(size => (JsonNode)size)]), ["data_offsets"] = new JsonArray(start, end) };
}
