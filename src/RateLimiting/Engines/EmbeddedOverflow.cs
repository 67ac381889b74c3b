using Tenfold.RateLimiting.Algorithms;

namespace Tenfold.RateLimiting.Engines;

/// <summary>
/// Where new keys are counted while their shard is full of states that must not be forgotten: a few cells, each shared by all keys
/// that hash to it. Sharing errs to rejecting, and bounds memory whatever keys come.
/// </summary>
/// <remarks>
/// Guarded by the shard's lock. A cell counts for one limit at a time and passes to another only when fresh. A key that later finds a
/// place in the table takes its cell's state along, so that moving forgets nothing.
/// </remarks>
internal sealed class EmbeddedOverflow
{
    private const int Cells = 16;

    private readonly Cell[] _cells = new Cell[Cells];

    /// <summary>The key's cell.</summary>
    public ref Cell CellOf(ulong fingerprint) => ref _cells[fingerprint % Cells];

    internal struct Cell
    {
        public Limit? Limit;
        public LimitState State;

        /// <summary>Whether another limit's state is kept here.</summary>
        public readonly bool IsTaken(Limit limit, long now) => Limit is not null && Limit.IdHash != limit.IdHash && !State.IsFresh(now);
    }
}
