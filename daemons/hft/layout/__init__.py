"""Record layouts, all derived from schema/*.fbs: reflection of the .bfbs, numpy dtypes, the layout hash."""
