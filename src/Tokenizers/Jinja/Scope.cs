namespace LlmService.Tokenizers.Jinja;

/// <summary>The variables of one run of a template, a macro or a recursive loop.</summary>
internal sealed class Activation(Layout layout, Activation? parent, Rendering rendering)
{
    public Value?[] Slots { get; } = new Value?[layout.Count];

    public Activation? Parent => parent;

    public Rendering Rendering => rendering;

    /// <summary>What the template had set at its top level, as seen from where this was written.</summary>
    public Dictionary<string, Value> Exported { get; } = parent?.Exported ?? rendering.Exported;

    public Activation Ancestor(int hops)
    {
        Activation activation = this;
        for (; hops > 0; hops--) activation = activation.Parent!;
        return activation;
    }
}

/// <summary>How many variables a template, a macro or a recursive loop has.</summary>
internal sealed class Layout(Layout? parent)
{
    public int Count { get; private set; }

    public int Depth { get; } = parent is null ? 0 : parent.Depth + 1;

    public Slot Add() => new(this, Count++);
}

/// <summary>The place of a variable.</summary>
internal sealed record Slot(Layout Layout, int Index);

/// <summary>Where a variable's value comes from when its scope is entered.</summary>
internal enum LoadKind
{
    /// <summary>It is put there.</summary>
    Parameter,

    /// <summary>From the caller's variables.</summary>
    Resolve,

    /// <summary>From the variable of the same name of an outer scope.</summary>
    Alias,

    /// <summary>It has none.</summary>
    Undefined,
}

/// <summary>How a variable starts.</summary>
internal readonly record struct Load(LoadKind Kind, Slot? Source);

/// <summary>Which names a scope reads and sets, and where each lives: the reference decides that before it runs anything, and so does this.</summary>
internal sealed class Scope
{
    private readonly Scope? _parent;
    private readonly Dictionary<string, Slot> _slots;
    private readonly Dictionary<string, Slot> _references = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Load> _loads = new(StringComparer.Ordinal);
    private readonly HashSet<string> _stores = new(StringComparer.Ordinal);

    public Scope(Scope? parent, Layout layout)
    {
        _parent = parent;
        Layout = layout;
        _slots = new(StringComparer.Ordinal);
    }

    /// <summary>A branch: starts with all that the scope knows.</summary>
    private Scope(Scope origin)
    {
        _parent = origin._parent;
        Layout = origin.Layout;
        _slots = origin._slots;
        _references = new(origin._references, StringComparer.Ordinal);
        _loads = new(origin._loads, StringComparer.Ordinal);
        _stores = new(origin._stores, StringComparer.Ordinal);
    }

    public Layout Layout { get; }

    public Scope Branch() => new(this);

    public Slot? Find(string name) => _references.TryGetValue(name, out Slot? slot) ? slot : _parent?.Find(name);

    public void Read(string name)
    {
        if (Find(name) is null) Define(name, new Load(LoadKind.Resolve, null));
    }

    public void Store(string name)
    {
        _stores.Add(name);
        if (_references.ContainsKey(name)) return;
        Slot? outer = _parent?.Find(name);
        Define(name, outer is null ? new Load(LoadKind.Undefined, null) : new Load(LoadKind.Alias, outer));
    }

    public Slot DeclareParameter(string name)
    {
        _stores.Add(name);
        return Define(name, new Load(LoadKind.Parameter, null));
    }

    /// <summary>Takes over what branches know; a name that not every branch sets starts with its value from outside.</summary>
    public void Merge(IReadOnlyList<Scope> branches)
    {
        Dictionary<string, int> counts = new(StringComparer.Ordinal);
        foreach (string name in branches.SelectMany(b => b._stores).Where(n => !_stores.Contains(n)))
            counts[name] = counts.GetValueOrDefault(name) + 1;
        foreach (Scope branch in branches)
        {
            foreach ((string name, Slot slot) in branch._references) _references[name] = slot;
            foreach ((string name, Load load) in branch._loads) _loads[name] = load;
            _stores.UnionWith(branch._stores);
        }

        foreach ((string name, int count) in counts)
        {
            if (count == branches.Count) continue;
            Slot? outer = _parent?.Find(name);
            _loads[name] = outer is null ? new Load(LoadKind.Resolve, null) : new Load(LoadKind.Alias, outer);
        }
    }

    /// <summary>What is to be done when the scope is entered.</summary>
    public ScopeEntry Entry() => new(Layout, [.. _loads.Where(l => l.Value.Kind != LoadKind.Parameter).Select(l => (l.Key, _slots[l.Key], l.Value))]);

    /// <summary>All names that this scope and those around it set, with their places.</summary>
    public Dictionary<string, Slot> AllStores()
    {
        Dictionary<string, Slot> all = new(StringComparer.Ordinal);
        for (Scope? scope = this; scope is not null; scope = scope._parent)
            foreach (string name in scope._stores) all.TryAdd(name, Find(name)!);
        return all;
    }

    private Slot Define(string name, Load load)
    {
        if (!_slots.TryGetValue(name, out Slot? slot)) _slots[name] = slot = Layout.Add();
        _references[name] = slot;
        _loads[name] = load;
        return slot;
    }
}

/// <summary>Gives the variables of a scope their first values.</summary>
internal sealed class ScopeEntry(Layout layout, IReadOnlyList<(string Name, Slot Slot, Load Load)> loads)
{
    public static ScopeEntry None { get; } = new(new Layout(null), []);

    public void Enter(Activation frame)
    {
        for (int i = 0; i < loads.Count; i++)
        {
            (string name, Slot slot, Load load) = loads[i];
            frame.Slots[slot.Index] = load.Kind switch
            {
                LoadKind.Resolve => frame.Rendering.Resolve(name, frame.Exported),
                LoadKind.Alias => frame.Ancestor(layout.Depth - load.Source!.Layout.Depth).Slots[load.Source.Index],
                _ => null,
            };
        }
    }
}

/// <summary>Where binding is: the scope, and what is allowed there.</summary>
/// <param name="IsSoft">Within a condition: an unknown filter is an error only when it is reached.</param>
/// <param name="IsTopLevel">Names that are set here are seen by blocks.</param>
/// <param name="IsInLoop">Whether break and continue have a loop.</param>
internal sealed record Binding(Scope Scope, bool IsSoft, bool IsTopLevel, bool IsInLoop)
{
    public Slot SlotOf(string name) => Scope.Find(name) ?? throw new InvalidOperationException($"the name {name} was not declared");

    public int HopsTo(Slot slot) => Scope.Layout.Depth - slot.Layout.Depth;

    /// <summary>Within a condition.</summary>
    public Binding Soft() => this with { IsSoft = true };

    /// <summary>Within a scope of its own.</summary>
    public Binding Inner(Scope scope) => new(scope, IsSoft: false, IsTopLevel: false, IsInLoop);

    /// <summary>Within a function of its own: a loop outside of it cannot be left from here.</summary>
    public static Binding Function(Scope scope) => new(scope, IsSoft: false, IsTopLevel: false, IsInLoop: false);
}
