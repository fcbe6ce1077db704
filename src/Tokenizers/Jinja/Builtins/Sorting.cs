namespace LlmService.Tokenizers.Jinja;

/// <summary>Sorts as Python's <c>sorted</c>: stably, with <c>&lt;</c> alone.</summary>
internal static class Sorting
{
    public static List<T> Sort<T>(IEnumerable<T> items, Func<T, Value> key, bool reverse, Rendering rendering)
    {
        (T Item, Value Key)[] keyed = [.. items.Select(i => (i, key(i)))];
        (T Item, Value Key)[] scratch = new (T, Value)[keyed.Length];
        Merge(keyed, scratch, 0, keyed.Length, reverse, rendering);
        return [.. keyed.Select(k => k.Item)];
    }

    private static void Merge<T>((T Item, Value Key)[] items, (T Item, Value Key)[] scratch, int start, int end, bool reverse, Rendering rendering)
    {
        if (end - start < 2) return;
        int middle = (start + end) / 2;
        Merge(items, scratch, start, middle, reverse, rendering);
        Merge(items, scratch, middle, end, reverse, rendering);
        (int left, int right) = (start, middle);
        for (int i = start; i < end; i++)
        {
            rendering.Step();
            bool takesRight = left == middle || (right < end && (reverse ? Operators.IsLess(items[left].Key, items[right].Key) : Operators.IsLess(items[right].Key, items[left].Key)));
            scratch[i] = takesRight ? items[right++] : items[left++];
        }

        Array.Copy(scratch, start, items, start, end - start);
    }
}
