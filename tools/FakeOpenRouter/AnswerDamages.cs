using System.Collections.Concurrent;

namespace FakeOpenRouter;

/// <summary>
/// The responses that are currently damaged, by path: a gateway sends these requests by itself, so a test cannot set their headers.
/// </summary>
internal sealed class AnswerDamages
{
    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    /// <summary>Damages the responses of a path.</summary>
    /// <param name="target">
    /// A path below <c>/api/v1</c>, such as <c>/models</c>. With a query, such as <c>/generation?id=gen-1</c>, it applies to that request
    /// only.
    /// </param>
    /// <param name="name">The name of the damage; <see langword="null"/> for none.</param>
    /// <param name="times">The number of responses to damage. Default: all.</param>
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

    /// <summary>Returns the damage for the response to a request, and counts it; <see langword="null"/> for none.</summary>
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
