"""The HTTP assembly: mounts each room's routes, signs people in, streams live changes, serves the web client."""
