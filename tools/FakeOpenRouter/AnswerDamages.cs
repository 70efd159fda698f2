using System.Collections.Concurrent;

namespace FakeOpenRouter;

/// <summary>Which answers are damaged at the moment: for questions that a gateway asks by itself, whose headers no test can set.</summary>
internal sealed class AnswerDamages
{
    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    /// <summary>Damages the answers of a path.</summary>
    /// <param name="target">
    /// A path below <c>/api/v1</c>, such as <c>/models</c>; with a query, such as <c>/generation?id=gen-1</c>, only that question.
    /// </param>
    /// <param name="name">The name of the damage, or <see langword="null"/> for none.</param>
    /// <param name="times">How many answers are damaged; all of them by default.</param>
    public void Set(string target, string? name, int times = int.MaxValue)
    {
        if (name is null)
        {
            _entries.TryRemove(target, out _);
        }
        else
        {
            _entries[target] = new Entry(AnswerDamage.Parse(name), times);
        }
    }

    /// <summary>The damage of the answer to a request, if there is one.</summary>
    public AnswerDamage? Take(HttpRequest request)
    {
        var path = request.Path.Value![RequestHandler.BasePath.Length..];
        return (_entries.TryGetValue(path + request.QueryString.Value, out var entry) || _entries.TryGetValue(path, out entry))
            && entry.TakeOne() ? entry.Damage : null;
    }

    private sealed class Entry(AnswerDamage damage, int times)
    {
        private int _left = times;

        public AnswerDamage Damage => damage;

        public bool TakeOne() => Interlocked.Decrement(ref _left) >= 0;
    }
}
