namespace LlmService.Inference.Kernels;

/// <summary>Which implementation of the kernels runs. Both give the same bits.</summary>
public enum KernelPath
{
    /// <summary>Vectors of 16 floats, in whatever registers the machine has.</summary>
    Vector,

    /// <summary>One float at a time: the twin that the vector path is tested against.</summary>
    Scalar,
}
