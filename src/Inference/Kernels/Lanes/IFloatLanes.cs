namespace LlmService.Inference.Kernels;

/// <summary>
/// What a kernel over floats needs of an instruction set. Every operation does the same in every lane, and rounds as the others of its name do, so that a kernel gives the
/// same bits with all of them where its sums do not depend on how many lanes there are. Callers check the bounds.
/// </summary>
/// <typeparam name="TVector">A float in every lane.</typeparam>
internal interface IFloatLanes<TVector>
{
    /// <summary>Floats of a vector: 16, 8, 4 or 1.</summary>
    static abstract int Count { get; }

    static abstract TVector Create(float value);

    static abstract TVector Load(ref float source, nint index);

    /// <summary>The upper half of each lane, which is a bfloat16, widened.</summary>
    static abstract TVector LoadUpper(ref uint source, nint index);

    /// <summary>The lower half of each lane, which is a bfloat16, widened.</summary>
    static abstract TVector LoadLower(ref uint source, nint index);

    static abstract void Store(TVector values, ref float destination, nint index);

    static abstract TVector Add(TVector a, TVector b);

    static abstract TVector Subtract(TVector a, TVector b);

    static abstract TVector Multiply(TVector a, TVector b);

    static abstract TVector Multiply(TVector values, float factor);

    static abstract TVector Divide(TVector a, TVector b);

    /// <summary>a · b + sum in every lane, fused.</summary>
    static abstract TVector MultiplyAdd(TVector a, TVector b, TVector sum);

    /// <summary>values · factor + sum in every lane, fused.</summary>
    static abstract TVector MultiplyAdd(TVector values, float factor, TVector sum);

    static abstract TVector Negate(TVector values);

    static abstract TVector Abs(TVector values);

    /// <summary>The smaller of two numbers.</summary>
    static abstract TVector MinOfNumbers(TVector a, TVector b);

    /// <summary>The larger of two numbers.</summary>
    static abstract TVector MaxOfNumbers(TVector a, TVector b);

    /// <summary>Raises what is below a number to it; what is not a number stays so.</summary>
    static abstract TVector AtLeast(TVector values, float lowest);

    /// <summary>Lowers what is above a number to it; what is not a number stays so.</summary>
    static abstract TVector AtMost(TVector values, float highest);

    /// <summary>To the nearest whole number, halves to even.</summary>
    static abstract TVector Round(TVector values);

    /// <summary>The magnitude of one with the sign of another.</summary>
    static abstract TVector CopySign(TVector magnitudes, TVector signs);

    /// <summary>values · 2^exponents, of whole exponents from -126 to 127; neither a value nor a result is so small that it has fewer digits.</summary>
    static abstract TVector ScaleBinary(TVector values, TVector exponents);

    /// <summary>a &lt; b ? yes : no in every lane.</summary>
    static abstract TVector SelectLess(TVector a, TVector b, TVector yes, TVector no);

    /// <summary>The largest of all lanes, of which each is a number.</summary>
    static abstract float HighestNumber(TVector values);

    /// <summary>The larger of two that are not negative; what is not a number is larger than all.</summary>
    static abstract TVector MaxOfMagnitudes(TVector a, TVector b);

    /// <summary>The largest of all lanes, of which none is negative; what is not a number is larger than all.</summary>
    static abstract float HighestMagnitude(TVector values);

    /// <summary>The sum of all lanes, in an order of its own.</summary>
    static abstract float Sum(TVector values);

    /// <summary>Writes a whole number from -127 to 127 a lane as a byte; what is not a number as 0.</summary>
    static abstract void StoreBytes(TVector values, ref sbyte destination, nint index);

    /// <summary>To the nearest bfloat16, halves to even; what is not a number stays so.</summary>
    static abstract TVector RoundToBfloat16(TVector values);

    /// <summary>To the smallest bfloat16 that is not below a number that is not negative.</summary>
    static abstract TVector RoundUpToBfloat16(TVector values);

    /// <summary>Writes two bfloat16 a lane, one of each.</summary>
    static abstract void StoreHalves(TVector upper, TVector lower, ref uint destination, nint index);

    /// <summary>Writes neighbouring bfloat16 as the upper and the lower half of a lane, those of the first vector before those of the second one.</summary>
    static abstract void StoreNeighbours(TVector first, TVector second, ref uint destination, nint index);

    /// <summary>Writes the upper halves of the bits, two bytes a lane.</summary>
    static abstract void StoreBfloat16(TVector values, ref byte destination);

    /// <summary>Writes four whole numbers from 0 to 255 a lane, as four bytes one after the other.</summary>
    static abstract void StoreBytes(TVector first, TVector second, TVector third, TVector fourth, ref byte destination);
}
