using Gateway.Primitives;

namespace Gateway.Configuration;

/// <summary>Many files, a part of which is compared with its loaded content in each check. Not thread-safe.</summary>
internal sealed class LoadedFiles(IEnumerable<LoadedFile> files)
{
    /// <summary>The number of checks in which every file is compared once, so that a change is noticed within a second.</summary>
    private const int Checks = 5;

    private const int LeastAtATime = 32;

    private readonly LoadedFile[] _files = [.. files];
    private int _next;

    /// <summary>Whether one of the next files differs from its loaded content.</summary>
    public bool HasChanged()
    {
        var count = Math.Min(_files.Length, Math.Max(LeastAtATime, (_files.Length + Checks - 1) / Checks));
        for (var i = 0; i < count; i++)
        {
            _next = (_next + 1) % _files.Length;
            if (_files[_next].HasChanged())
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether any file differs from its loaded content.</summary>
    public bool HasAnyChanged() => _files.Any(static file => file.HasChanged());
}
