using Gateway.Teams;
using StackExchange.Redis;

namespace Gateway.Limits;

internal sealed partial class RedisLimitStore
{
    /// <summary>A lease. Without a name it only previews the decisions of the scripts.</summary>
    private sealed class Lease : ILimitLease
    {
        private readonly RedisLimitStore _store;
        private readonly IReadOnlyList<LimitScope> _scopes;
        private readonly RedisKey[] _keys;
        private readonly long[] _amounts;
        private readonly long[] _charges;
        private readonly bool _isConcurrencyLimited;
        private readonly bool _isRateLimited;
        private long _chargedAt;
        private bool _isCharged;
        private int _isOver;

        public Lease(RedisLimitStore store, RedisValue name, IReadOnlyList<LimitScope> scopes)
        {
            _store = store;
            Name = name;
            _scopes = scopes;
            _keys = new RedisKey[scopes.Count * 2];
            _amounts = new long[scopes.Count];
            _charges = new long[scopes.Count];
            var flying = new List<RedisKey>(scopes.Count);
            for (var i = 0; i < scopes.Count; i++)
            {
                var scope = scopes[i];
                _keys[i * 2] = store.KeyOf(scope.Holder, "");
                _keys[(i * 2) + 1] = store.KeyOf(scope.Holder, ":flying");
                _isRateLimited |= scope.RequestsPerMinute is not null || scope.TokensPerMinute is not null;
                if (scope.ConcurrentRequests is not null)
                {
                    flying.Add(_keys[(i * 2) + 1]);
                }
            }

            Flying = [.. flying];
            _isConcurrencyLimited = Flying.Length > 0;
        }

        public RedisValue Name { get; }

        public long? TakenTokens
        {
            get
            {
                long? least = null;
                for (var i = 0; _isCharged && i < _amounts.Length; i++)
                {
                    if (_scopes[i].TokensPerMinute is not null)
                    {
                        least = Math.Min(least ?? long.MaxValue, _amounts[i]);
                    }
                }

                return least;
            }
        }

        public bool IsOver => Volatile.Read(ref _isOver) != 0;

        private bool HasRequestDrained => _store._time.GetElapsedTime(_chargedAt) >= MinuteBucket.Period;

        private int ReplyLength => 4 + (_scopes.Count * 5);

        /// <summary>The sets that contain the lease.</summary>
        public RedisKey[] Flying { get; }

        /// <summary>Joins the requests in flight.</summary>
        /// <returns>The refusal; <see langword="null"/> if granted.</returns>
        public async ValueTask<LimitResult?> EnterAsync()
        {
            if (!_isConcurrencyLimited)
            {
                return null;
            }

            // The request does not use a lease whose reply is late or lost. Its release is correct whether it was granted or not.
            var result = await TakeAsync(RedisLimitScripts.Enter, _ => _store._link.Post(RedisLimitScripts.Release, Flying, [Name]));
            if (result.RefusedBy is not null)
            {
                return result;
            }

            _store._live.TryAdd(this, 0);
            return null;
        }

        public async ValueTask<LimitResult> ChargeAsync(long estimatedTokens)
        {
            ObjectDisposedException.ThrowIf(IsOver, this);
            if (!_isRateLimited)
            {
                return new LimitResult();
            }

            SetAmounts(estimatedTokens);
            _chargedAt = _store._time.GetTimestamp();
            var result = await TakeAsync(RedisLimitScripts.Charge, UndoCharge);
            _isCharged = result.RefusedBy is null;
            return result;
        }

        public async ValueTask<LimitResult?> PreviewEntryAsync() =>
            _isConcurrencyLimited && await TakeAsync(RedisLimitScripts.PreviewEntry, static _ => { }) is { RefusedBy: not null } refusal
                ? refusal
                : null;

        public async ValueTask<LimitResult> PreviewChargeAsync(long estimatedTokens)
        {
            SetAmounts(estimatedTokens);
            return _isRateLimited ? await TakeAsync(RedisLimitScripts.PreviewCharge, static _ => { }) : new LimitResult();
        }

        public ValueTask ReturnAsync(long? tokens)
        {
            if (Interlocked.Exchange(ref _isOver, 1) != 0)
            {
                return ValueTask.CompletedTask;
            }

            var isTokenLimited = _isCharged && tokens is not null && _scopes.Any(scope => scope.TokensPerMinute is not null);
            return _isConcurrencyLimited || isTokenLimited
                ? EndAsync(Changes(Name, i => isTokenLimited ? Math.Max(0, tokens!.Value) - _amounts[i] : 0, 0))
                : ValueTask.CompletedTask;
        }

        public ValueTask CancelAsync() =>
            Interlocked.Exchange(ref _isOver, 1) != 0 || !(_isConcurrencyLimited || _isCharged) ? ValueTask.CompletedTask
            : EndAsync(_isCharged ? Changes(Name, i => -_amounts[i], HasRequestDrained ? 0 : -1) : Changes(Name, static _ => 0, 0));

        private void SetAmounts(long estimatedTokens)
        {
            for (var i = 0; i < _amounts.Length; i++)
            {
                _amounts[i] = Math.Clamp(estimatedTokens, 0, _scopes[i].TokensPerMinute ?? 0);
            }
        }

        /// <summary>Undoes a charge whose reply is late. The request stays in flight. After a lost reply the buckets drain.</summary>
        private void UndoCharge(RedisResult? reply)
        {
            if (reply is { Resp2Type: ResultType.Array } && reply.Length == ReplyLength && (long)reply[0] == 1)
            {
                SetCharges(i => (long)reply[i]);
                _store._link.Post(RedisLimitScripts.Return, _keys, Changes(RedisValue.EmptyString, i => -_amounts[i], -1));
            }
        }

        private async ValueTask<LimitResult> TakeAsync(string step, Action<RedisResult?> undo)
        {
            var values = new RedisValue[3 + (_scopes.Count * 4)];
            values[0] = Name;
            values[1] = (long)_store._leaseTime.TotalMilliseconds;
            values[2] = step;
            for (var i = 0; i < _scopes.Count; i++)
            {
                values[3 + (i * 4)] = _scopes[i].RequestsPerMinute ?? -1;
                values[4 + (i * 4)] = _scopes[i].TokensPerMinute ?? -1;
                values[5 + (i * 4)] = _scopes[i].ConcurrentRequests ?? -1;
                values[6 + (i * 4)] = _amounts[i];
            }

            var reply = Numbers(await _store._link.RunAsync(RedisLimitScripts.Take, _keys, values, undo), ReplyLength);
            SetCharges(i => reply[i]);
            return ResultOf(reply);
        }

        private void SetCharges(Func<int, long> reply)
        {
            for (var i = 0; i < _charges.Length; i++)
            {
                _charges[i] = reply(8 + (i * 5));
            }
        }

        private LimitResult ResultOf(long[] reply)
        {
            LimitLevel? requests = null;
            LimitLevel? tokens = null;
            for (var i = 0; i < _scopes.Count; i++)
            {
                var level = reply.AsSpan(4 + (i * 5), 5);
                if (_scopes[i].RequestsPerMinute is { } requestLimit)
                {
                    requests = MemoryLimitStore.Tighter(requests, new LimitLevel(requestLimit, level[0], TimeSpan.FromMilliseconds(level[1])));
                }

                if (_scopes[i].TokensPerMinute is { } tokenLimit)
                {
                    tokens = MemoryLimitStore.Tighter(tokens, new LimitLevel(tokenLimit, level[2], TimeSpan.FromMilliseconds(level[3])));
                }
            }

            return reply[0] == 1
                ? new LimitResult { Requests = requests, Tokens = tokens }
                : new LimitResult
                {
                    RefusedBy = (LimitKind)reply[2],
                    Holder = _scopes[(int)reply[1]].Holder,
                    RetryAfter = TimeSpan.FromMilliseconds(reply[3]),
                    Requests = requests,
                    Tokens = tokens,
                };
        }

        private async ValueTask EndAsync(RedisValue[] values)
        {
            _store._live.TryRemove(this, out _);
            try
            {
                await _store._link.RunAsync(RedisLimitScripts.Return, _keys, values);
            }
            catch (LimitStoreException)
            {
                // Only the idempotent release is retried. The correction of the tokens is not idempotent, and the buckets drain.
                if (_isConcurrencyLimited && _store._unreleased.Count < MaxUnreleased)
                {
                    _store._unreleased.Enqueue(this);
                }
            }
        }

        private RedisValue[] Changes(RedisValue name, Func<int, long> tokens, long requests) =>
            ReturnValues(name, _scopes, requests, tokens, i => _charges[i]);
    }
}
