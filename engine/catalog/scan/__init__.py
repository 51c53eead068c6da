"""Models that other apps have downloaded: found where they lie and used there, never copied, never deleted.

Each app has a module that knows two things: which folders are the app's on a system, and what the models in such a
folder are called. The knowledge is from the apps' own sources, named in each module.
"""
