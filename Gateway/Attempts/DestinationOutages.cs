using System.Runtime.CompilerServices;
using Yarp.ReverseProxy.Model;

namespace Gateway.Attempts;

/// <summary>
/// Counts the failures in a row of each destination, and decides when it is left alone: after five failures over at least two seconds, of at
/// least two callers where there are several. One caller alone cannot take a destination from the others. After the pause the next failure
/// suffices, until the destination has been reached again.
/// </summary>
internal sealed class DestinationOutages(TimeProvider time)
{
    /// <summary>The number of failures in a row.</summary>
    internal const int MostFailures = 5;

    /// <summary>The minimum time from the first of them to the last.</summary>
    internal static readonly TimeSpan Duration = TimeSpan.FromSeconds(2);

    /// <summary>The retry delay if the end of a pause is not known, and the shortest one.</summary>
    private static readonly TimeSpan ShortestRetry = TimeSpan.FromSeconds(1);

    // Weak keys: a reload replaces destinations.
    private readonly ConditionalWeakTable<DestinationState, Outage> _outages = [];

    /// <summary>Notes that a destination could not be reached.</summary>
    /// <param name="destination">The destination.</param>
    /// <param name="caller">The caller of the request; <see langword="null"/> if it is unknown.</param>
    /// <param name="callers">The number of callers that there are.</param>
    /// <param name="pause">How long the destination is left alone.</param>
    /// <returns>Whether it is left alone from now on.</returns>
    public bool Fail(DestinationState destination, string? caller, int callers, TimeSpan pause)
    {
        var outage = _outages.GetOrCreateValue(destination);
        lock (outage)
        {
            var now = time.GetTimestamp();
            if (outage.Failures == 0)
            {
                (outage.StartedAt, outage.Caller) = (now, caller);
            }

            outage.Failures++;
            outage.LastAt = now;
            outage.HasTwoCallers |= callers < 2 || caller != outage.Caller;
            if (outage.Failures < MostFailures
                || !outage.HasTwoCallers
                || time.GetElapsedTime(outage.StartedAt, now) < Duration
                || RemainingOf(outage) > TimeSpan.Zero)
            {
                return false;
            }

            (outage.PausedAt, outage.Pause) = (now, pause);
            return true;
        }
    }

    /// <summary>Notes that a destination was reached.</summary>
    /// <param name="destination">The destination.</param>
    /// <param name="at">When it responded. A response from before the last failure proves nothing.</param>
    /// <returns>Whether this ends an outage for which it was left alone.</returns>
    public bool Reach(DestinationState destination, long at)
    {
        if (!_outages.TryGetValue(destination, out var outage))
        {
            return false;
        }

        lock (outage)
        {
            if (outage.Failures == 0 || at < outage.LastAt)
            {
                return false;
            }

            var wasLeftAlone = outage.Pause > TimeSpan.Zero;
            (outage.Failures, outage.HasTwoCallers, outage.Pause) = (0, false, TimeSpan.Zero);
            return wasLeftAlone;
        }
    }

    /// <summary>The time until the first of some destinations is no longer left alone; at least a second.</summary>
    public TimeSpan RetryAfter(IEnumerable<DestinationState> destinations)
    {
        TimeSpan? shortest = null;
        foreach (var destination in destinations)
        {
            if (_outages.TryGetValue(destination, out var outage))
            {
                lock (outage)
                {
                    var remaining = RemainingOf(outage);
                    shortest = shortest < remaining ? shortest : remaining;
                }
            }
        }

        return shortest > ShortestRetry ? shortest.Value : ShortestRetry;
    }

    private TimeSpan RemainingOf(Outage outage) =>
        outage.Pause > TimeSpan.Zero ? outage.Pause - time.GetElapsedTime(outage.PausedAt) : TimeSpan.Zero;

    /// <summary>The failures in a row of a destination. Guarded by a lock on itself.</summary>
    private sealed class Outage
    {
        public int Failures;
        public long StartedAt;
        public long LastAt;
        public string? Caller;
        public bool HasTwoCallers;
        public long PausedAt;
        public TimeSpan Pause;
    }
}
